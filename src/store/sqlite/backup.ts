import { link, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CopyOptions } from "./copy.js";
import { type Inspection, inspectCopy } from "./inspect.js";

export interface BackupOptions extends CopyOptions {
  /** Whether a file that is there may be replaced. */
  readonly replace: boolean;
}

/** Nothing was written: there is something at the target that must stay. */
export class BackupRefused extends Error {
  override readonly name = "BackupRefused";
}

/**
 * Writes a copy of one moment to `target`, also while a server has the database open. It appears there whole, looked
 * through and on the disk, with mode 0600, or not at all. It is one file that a server starts on.
 *
 * @throws BackupRefused, StoreOpenError naming the original, RestlessError, or the reason of the signal
 */
export async function backUpDatabase(path: string, target: string, options: BackupOptions): Promise<Inspection> {
  await assertFree(path, target, options.replace);
  // In the target's own folder, since a file can be moved into place only within one file system.
  const folder = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
  try {
    const copy = join(folder, "copy.db");
    const inspection = await inspectCopy(path, copy, options);
    options.signal.throwIfAborted();
    await syncToDisk(copy);
    await putInPlace(copy, target, options.replace);
    await syncToDisk(dirname(target));
    return inspection;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function assertFree(path: string, target: string, replace: boolean): Promise<void> {
  const found = await statIfThere(target);
  if (found !== undefined) {
    const original = await stat(path);
    if (found.ino === original.ino && found.dev === original.dev) {
      throw new BackupRefused(`${target} is the database itself`);
    }
    if (!found.isFile()) throw new BackupRefused(`${target} is there and is no file`);
    if (!replace) throw new BackupRefused(`${target} exists already`);
  }
  // SQLite would put what is in them into the backup when that is opened, and so spoil it.
  for (const rest of [`${target}-wal`, `${target}-journal`]) {
    if ((await statIfThere(rest)) === undefined) continue;
    throw new BackupRefused(`${rest} is there: another database is, or was, open under that name`);
  }
}

/** Unlike a rename, a link never replaces what is there, even if it has only just come. */
async function putInPlace(copy: string, target: string, replace: boolean): Promise<void> {
  if (replace) return await rename(copy, target);
  try {
    await link(copy, target);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EEXIST") throw new BackupRefused(`${target} exists already`, { cause: error });
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    // A file system without links.
    if ((await statIfThere(target)) !== undefined) throw new BackupRefused(`${target} exists already`);
    await rename(copy, target);
  }
}

async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
