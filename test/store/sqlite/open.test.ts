import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../../src/store/sqlite/open.js";
import { StoreOpenError } from "../../../src/store/sqlite/open-error.js";

let folder: string;
let path: string;
const opened: Database.Database[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  path = join(folder, "dispatch.db");
});
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
  rmSync(folder, { recursive: true });
});

function open(file = path): Database.Database {
  const client = openDatabase(file, () => undefined);
  opened.push(client);
  return client;
}

/** The kind of trouble, with the file that its message names. */
function trouble(file = path): unknown {
  try {
    open(file);
    return "opened";
  } catch (error) {
    if (!(error instanceof StoreOpenError)) return error;
    expect(error.message).toContain(file);
    return error.trouble;
  }
}

const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);

describe("a database that is opened", () => {
  test("puts every commit on disk, keeps others out, and works by the write-ahead log", () => {
    const client = open();
    const pragma = (name: string) => client.pragma(name, { simple: true });
    expect([pragma("synchronous"), pragma("journal_mode"), pragma("locking_mode")]).toEqual([2, "wal", "exclusive"]);
    expect(pragma("busy_timeout")).toBeLessThanOrEqual(250);
  });

  test("keeps to that for a file that was made otherwise", () => {
    const before = new Database(path);
    before.pragma("journal_mode = DELETE");
    before.exec("CREATE TABLE t (x)");
    before.close();
    const client = open();
    expect([client.pragma("synchronous", { simple: true }), client.pragma("journal_mode", { simple: true })]).toEqual([
      2,
      "wal",
    ]);
  });

  test("is its user's alone, with all that lies beside it", () => {
    const nested = join(folder, "a", "b", "dispatch.db");
    open(nested).exec("CREATE TABLE t (x)");
    expect([mode(join(folder, "a")), mode(join(folder, "a", "b"))]).toEqual(["700", "700"]);
    expect([mode(nested), mode(`${nested}-wal`)]).toEqual(["600", "600"]);
  });

  test("is made its user's alone if it was not", () => {
    open().close();
    chmodSync(path, 0o644);
    open().exec("CREATE TABLE t (x)");
    expect([mode(path), mode(`${path}-wal`)]).toEqual(["600", "600"]);
  });

  test("leaves the umask of the process as it was", () => {
    const before = process.umask();
    open();
    expect(process.umask()).toBe(before);
  });

  test("keeps what was committed to the log when the process ends without a word", () => {
    const script = `
      const Database = require("better-sqlite3");
      const client = new Database(process.argv[1]);
      client.pragma("journal_mode = WAL");
      client.exec("CREATE TABLE t (x); INSERT INTO t VALUES (7)");
      process.kill(process.pid, "SIGKILL");`;
    spawnSync(process.execPath, ["-e", script, path]);
    expect(open().prepare("SELECT x FROM t").pluck().get()).toBe(7);
  });
});

describe("a database that cannot be opened", () => {
  test("is named as held, to a second connection of this process", () => {
    open();
    expect(trouble()).toBe("held");
  });

  test("is named as held, by and to another process", () => {
    open();
    const script = `
      const Database = require("better-sqlite3");
      try {
        new Database(process.argv[1], { timeout: 0 }).prepare("SELECT * FROM sqlite_master").all();
      } catch (error) { console.log(error.code); }`;
    expect(spawnSync(process.execPath, ["-e", script, path]).stdout.toString()).toBe("SQLITE_BUSY\n");
  });

  test("can be opened by the next once the first has let go", () => {
    open().close();
    expect(trouble()).toBe("opened");
  });

  test.each([
    ["is no database", () => Buffer.from("not a database, though long enough to be one".repeat(100))],
    ["has a page that was overwritten", (good: Buffer) => good.fill(0xff, 4_096, 8_192)],
    ["was cut short", (good: Buffer) => good.subarray(0, 6_000)],
  ])("is named as damaged if it %s, and left as it is", (_, damage) => {
    const client = open();
    client.exec("CREATE TABLE t (x); CREATE INDEX i ON t (x)");
    const insert = client.prepare("INSERT INTO t VALUES (?)");
    for (let i = 0; i < 500; i += 1) insert.run(`row ${i}`);
    client.close();
    const damaged = Buffer.from(damage(readFileSync(path)));
    writeFileSync(path, damaged, { mode: 0o644 });
    chmodSync(path, 0o644);
    expect(trouble()).toBe("damaged");
    expect(readFileSync(path).equals(damaged)).toBe(true);
    expect(mode(path)).toBe("644");
  });

  test("is named as out of reach where there is a directory in its place, or a file in its directory's", () => {
    mkdirSync(path);
    expect(trouble()).toBe("out_of_reach");
    writeFileSync(join(folder, "file"), "");
    expect(trouble(join(folder, "file", "dispatch.db"))).toBe("out_of_reach");
  });

  test("is let go of again when it turns out to be somebody else's", () => {
    const foreign = new StoreOpenError("foreign", path, "test");
    expect(() =>
      openDatabase(path, () => {
        throw foreign;
      }),
    ).toThrow(foreign);
    expect(trouble()).toBe("opened");
  });
});
