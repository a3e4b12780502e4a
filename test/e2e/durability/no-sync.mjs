// Loaded before the built program, it has SQLite not wait for the disk, and lets the program believe that it does.
import Database from "better-sqlite3";

const { pragma } = Database.prototype;
Database.prototype.pragma = function (source, options) {
  if (source.startsWith("synchronous =")) return pragma.call(this, "synchronous = OFF", options);
  return source === "synchronous" ? 2 : pragma.call(this, source, options);
};
