// Loaded before the built program, it makes the disk full, as far as SQLite can tell, on SIGUSR2, and gives it
// room again on SIGWINCH.
import Database from "better-sqlite3";

const { pragma } = Database.prototype;
let client;
Database.prototype.pragma = function (...args) {
  client = this;
  return pragma.apply(this, args);
};

process.on("SIGUSR2", () => {
  pragma.call(client, `max_page_count = ${pragma.call(client, "page_count", { simple: true })}`);
});
process.on("SIGWINCH", () => {
  pragma.call(client, "max_page_count = 1000000");
});
