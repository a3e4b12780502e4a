import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { checkpointAfterPages } from "./grow-log.js";
import { StoreOpenError, storeOpenErrorFrom } from "./open-error.js";

/** How long a statement waits for a lock, in milliseconds. Only the start can meet one: the file is locked for good then. */
const busyTimeoutMs = 250;

/**
 * Opens (or creates) the file for this process alone: WAL, every commit on disk before it counts, other processes kept
 * out by SQLite's own lock, which the kernel drops with the process, however it ends.
 *
 * Nothing is written to the file, and its mode stays, before it is known to be whole and ours.
 *
 * @param assertOurs throws if the file is whole, but belongs to another program or version
 * @throws StoreOpenError if the file is held by another server, damaged, read-only or out of reach
 */
export function openDatabase(path: string, assertOurs: (client: Database.Database) => void): Database.Database {
  let client: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    assertWritable(path);
    client = openPrivate(path);
    lockExclusively(client);
    assertIntact(client, path);
    assertOurs(client);
    makePrivate(path);
    makeDurable(client);
    makeFast(client);
    return client;
  } catch (error) {
    client?.close();
    throw storeOpenErrorFrom(error, path);
  }
}

/** SQLite falls back to reading a file that it may not write, and says so late and in other words. */
function assertWritable(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw new StoreOpenError("read_only", path, error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

function openPrivate(path: string): Database.Database {
  const umask = process.umask(0o077);
  try {
    return new Database(path, { timeout: busyTimeoutMs });
  } finally {
    process.umask(umask);
  }
}

function lockExclusively(client: Database.Database): void {
  client.pragma("locking_mode = EXCLUSIVE");
  // Takes the lock now, and finds out now whether the file can be written. Writes nothing.
  client.exec("BEGIN IMMEDIATE; COMMIT");
}

function assertIntact(client: Database.Database, path: string): void {
  const finding: unknown = client.pragma("quick_check(1)", { simple: true });
  if (finding !== "ok") throw new StoreOpenError("damaged", path, String(finding));
}

/** For a file that was there before. SQLite gives a -wal file that it creates the mode of the main file. */
function makePrivate(path: string): void {
  for (const file of [path, `${path}-wal`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o077) !== 0) chmodSync(file, mode & 0o700);
  }
}

/** What makes no difference to what is kept, only to what it costs. */
function makeFast(client: Database.Database): void {
  client.pragma(`wal_autocheckpoint = ${checkpointAfterPages}`);
  // A statement that changes several rows may note how to take them back, and writes that to a file of its own beyond 64 KB.
  client.pragma("temp_store = MEMORY");
}

function makeDurable(client: Database.Database): void {
  client.pragma("journal_mode = WAL");
  // better-sqlite3 is built so that WAL means NORMAL, which may lose the last commits with the power.
  client.pragma("synchronous = FULL");
  if (client.pragma("journal_mode", { simple: true }) !== "wal") throw new Error("journal_mode is not WAL");
  if (client.pragma("synchronous", { simple: true }) !== 2) throw new Error("synchronous is not FULL");
}
