import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Called now and then with how far it is, from 0 to 1. It begins anew when the server was faster. */
  readonly onProgress?: (fraction: number) => void;
}

/** The database is written to so much that no moment was found in which it could be copied. */
export class RestlessError extends Error {
  override readonly name = "RestlessError";
}

/** How often it is tried, with pauses that grow to a second: about half a minute and the copying itself. */
const mostTries = 40;

/**
 * Copies a database as of one moment, whoever has it open, and without a lock: it opens the original for reading only,
 * and makes no file beside it. What it has copied is `target` and `target-wal`, which belong together.
 *
 * It rests on how SQLite writes ahead. A commit only appends to the log. A checkpoint copies pages from the log to the
 * file, and only after all of them are there the log begins anew, with another salt in its head. So the file is copied
 * first and the log second: whatever a checkpoint has put into the copied file is in the copied log as well, and is put
 * there again when the copy is opened, up to the last commit that is whole. That holds as long as the log did not begin
 * anew meanwhile; if it did, all of it is done again.
 *
 * Not for a process that has the database open itself: closing the file would drop its lock, by the rules of POSIX.
 *
 * @throws RestlessError, the system's error, or the reason of the signal
 */
export async function copyDatabase(path: string, target: string, options: CopyOptions): Promise<void> {
  for (let tries = 1; tries <= mostTries; tries++) {
    if (await tryCopy(path, target, options)) return;
    options.signal.throwIfAborted();
    await pause(Math.min(tries * 25, 1_000), undefined, { signal: options.signal });
  }
  throw new RestlessError(
    `${path} is written to so much that it could not be copied while its server runs. Try again in a quieter moment, or stop the server.`,
  );
}

async function tryCopy(path: string, target: string, options: CopyOptions): Promise<boolean> {
  const file = await open(path, "r");
  try {
    if (!(await writesAhead(file))) return await copyByLock(path, target, options);
    const before = await generation(path, file);
    await copyBytes(file, target, options);
    await copyLog(`${path}-wal`, `${target}-wal`, options);
    return (await generation(path, file)) === before;
  } finally {
    await file.close();
  }
}

const walMode = 2;

/** The head of the file says how it is written: byte 18. An empty file, or one that is no database, has no log either. */
async function writesAhead(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
  return bytesRead === 20 && buffer.toString("latin1", 0, 15) === "SQLite format 3" && buffer[18] === walMode;
}

/** Without a log, readers and the writer exclude each other, and SQLite's own way of copying is the right one. */
async function copyByLock(path: string, target: string, { signal, onProgress }: CopyOptions): Promise<true> {
  const client = new Database(path, { readonly: true, timeout: 250 });
  try {
    await rm(`${target}-wal`, { force: true });
    await client.backup(target, {
      progress: ({ totalPages, remainingPages }) => {
        signal.throwIfAborted();
        onProgress?.(totalPages === 0 ? 1 : 1 - remainingPages / totalPages);
        return 256;
      },
    });
    return true;
  } finally {
    client.close();
  }
}

/**
 * The same before and after: the log has not begun anew, so the file holds nothing that the log does not hold. Without a
 * log nobody may have written to the file at all.
 */
async function generation(path: string, file: FileHandle): Promise<string> {
  const { ino, size, mtimeNs } = await file.stat({ bigint: true });
  const inPlace = await stat(path, { bigint: true });
  const head = await headOfLog(`${path}-wal`);
  return [ino, inPlace.ino, head ?? `none ${size} ${mtimeNs}`].join(" ");
}

/** The head of the log has two salts, one of them random, that change whenever it begins anew. */
const logHeadBytes = 32;

async function headOfLog(path: string): Promise<string | undefined> {
  const log = await openIfThere(path);
  if (log === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await log.read(Buffer.alloc(logHeadBytes), 0, logHeadBytes, 0);
    return bytesRead === logHeadBytes ? buffer.toString("hex") : undefined;
  } finally {
    await log.close();
  }
}

async function copyLog(path: string, target: string, { signal }: CopyOptions): Promise<void> {
  const log = await openIfThere(path);
  if (log === undefined) return await rm(target, { force: true });
  try {
    await copyBytes(log, target, { signal });
  } finally {
    await log.close();
  }
}

const chunkBytes = 1024 * 1024;

/** As much as there is when it begins: what is appended later belongs to later commits. */
async function copyBytes(from: FileHandle, target: string, { signal, onProgress }: CopyOptions): Promise<void> {
  const { size } = await from.stat();
  const to = await open(target, "w", 0o600);
  try {
    const chunk = Buffer.alloc(Math.min(chunkBytes, size));
    for (let done = 0; done < size; ) {
      signal.throwIfAborted();
      const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, size - done), done);
      if (bytesRead === 0) return; // It was made shorter, by a checkpoint: what is left of it is in the log.
      await to.write(chunk, 0, bytesRead, done);
      done += bytesRead;
      onProgress?.(done / size);
    }
  } finally {
    await to.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
