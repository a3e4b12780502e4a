import { copyFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { checkpointAfterPages, growLog } from "../../../src/store/sqlite/grow-log.js";
import { SqliteStore } from "../../../src/store/sqlite/store.js";
import { smallDisk, whyNoSmallDisk } from "../../e2e/durability/disk.js";
import { group, newDispatch, tokens } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath } from "./files.js";

const path = databasePath();

/** As `serve` does it. */
function openGrown(file = path()): SqliteStore {
  return SqliteStore.open(file, { clock: new FakeClock(), newToken: tokens(), isLogGrown: true });
}

/** What a machine that died just now would find: the files as they are, without the end that a close gives them. */
function asAfterDeath(file = path()): string {
  const copy = `${file}.copy`;
  copyFileSync(file, copy);
  copyFileSync(`${file}-wal`, `${copy}-wal`);
  return copy;
}

const logOf = (file = path()) => statSync(`${file}-wal`);

describe("a log that is grown", () => {
  test("has the length from the start that it has for good once it was full", async () => {
    const store = openGrown();
    expect(logOf().size).toBe(32 + checkpointAfterPages * (24 + 4_096));
    expect(logOf().mode & 0o777).toBe(0o600);
    const started = logOf().size;
    await store.enqueue([group(newDispatch("web-01"))]);
    expect(logOf().size).toBe(started);
    await store.close();
  });

  test("still has what was committed before and after it, and nothing else, when the server dies", async () => {
    const before = SqliteStore.open(path(), { clock: new FakeClock(), newToken: tokens() });
    await before.enqueue([group(newDispatch("web-01"))]);
    const died = asAfterDeath();
    const store = openGrown(died);
    await store.enqueue([group(newDispatch("web-02"))]);
    const after = openGrown(asAfterDeath(died));
    expect((await after.list({}, undefined, 10)).map(({ hostname }) => hostname)).toEqual(["web-01", "web-02"]);
    await Promise.all([before.close(), store.close(), after.close()]);
  });

  test("is read by SQLite itself up to where it was written", async () => {
    const store = openGrown();
    await store.enqueue([group(newDispatch("web-01"))]);
    const client = new Database(asAfterDeath());
    expect(client.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(client.prepare("SELECT count(*) FROM dispatches").pluck().get()).toBe(1);
    client.close();
    await store.close();
  });

  test("control: without it, the log is as long as what is in it", async () => {
    const store = SqliteStore.open(path(), { clock: new FakeClock(), newToken: tokens() });
    const started = logOf().size;
    await store.enqueue([group(newDispatch("web-01"))]);
    expect(logOf().size).toBeGreaterThan(started);
    await store.close();
  });

  test("is let be where there is none, and where it is long enough", () => {
    const client = new Database(path());
    growLog(client);
    client.pragma("journal_mode = WAL");
    client.exec("CREATE TABLE t (x)");
    growLog(client);
    const grown = readFileSync(`${path()}-wal`);
    expect(grown.length).toBeGreaterThan(checkpointAfterPages * 4_096);
    growLog(client);
    expect(readFileSync(`${path()}-wal`).equals(grown)).toBe(true);
    client.close();
  });

  const whyNot = whyNoSmallDisk();
  test.skipIf(whyNot !== undefined)("does not fill a small disk", async () => {
    const disk = smallDisk();
    const file = join(disk.folder, "dispatch.db");
    const store = openGrown(file);
    expect(logOf(file).size).toBeLessThan(1024 * 1024);
    await store.close();
    disk.remove();
  });
});
