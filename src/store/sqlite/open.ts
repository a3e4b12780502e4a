import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StoreOpenError, storeOpenErrorFrom } from "./open-error.js";

/** How long a statement waits for a lock, in milliseconds. Only the start can meet one: the file is locked for good then. */
const busyTimeoutMs = 250;

/**
 * Opens (or creates) the file for this process alone: WAL, every commit on disk before it counts, other processes kept
 * out by SQLite's own lock, which the kernel drops with the process, however it ends.
 *
 * @throws StoreOpenError if the file is held by another server, damaged, read-only or out of reach
 */
export function openDatabase(path: string): Database.Database {
  let client: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    client = openPrivate(path);
    lockExclusively(client);
    assertIntact(client, path);
    return client;
  } catch (error) {
    client?.close();
    throw storeOpenErrorFrom(error, path);
  }
}

function openPrivate(path: string): Database.Database {
  // SQLite gives its -wal file the mode of the main file; the umask covers the moment between creation and chmod.
  const umask = process.umask(0o077);
  try {
    const client = new Database(path, { timeout: busyTimeoutMs });
    chmodSync(path, 0o600);
    return client;
  } finally {
    process.umask(umask);
  }
}

function lockExclusively(client: Database.Database): void {
  client.pragma("locking_mode = EXCLUSIVE");
  client.pragma("journal_mode = WAL");
  // better-sqlite3 is built so that WAL means NORMAL, which may lose the last commits with the power.
  client.pragma("synchronous = FULL");
  if (client.pragma("journal_mode", { simple: true }) !== "wal") throw new Error("journal_mode is not WAL");
  if (client.pragma("synchronous", { simple: true }) !== 2) throw new Error("synchronous is not FULL");
  // Takes the lock now, and finds out now whether the file can be written.
  client.exec("BEGIN IMMEDIATE; COMMIT");
}

function assertIntact(client: Database.Database, path: string): void {
  const finding: unknown = client.pragma("quick_check(1)", { simple: true });
  if (finding !== "ok") throw new StoreOpenError("damaged", path, String(finding));
}
