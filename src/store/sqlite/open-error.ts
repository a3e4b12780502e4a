import Database from "better-sqlite3";
import { lockHolder } from "./lock-holder.js";

/** Why a database file could not be opened, and what to do about it. Nothing was written to the file. */
const troubles = {
  held: (path: string) =>
    `${path} is held by another server (or another program has it open). Stop that one, or give this one a file of its own with --db.`,
  damaged: (path: string) =>
    `${path} is damaged, or is not a database of nixfleet-dispatch. It was left as it is. Restore a backup over it, or move it away and start anew: the planner enqueues again what is still wanted.`,
  read_only: (path: string) =>
    `${path} cannot be written by this user. Give the user the file and its directory (the -wal file lies beside it), or name another file with --db.`,
  out_of_reach: (path: string) =>
    `${path} cannot be opened. Make sure that its directory exists and belongs to this user, or name another file with --db.`,
  newer: (path: string) =>
    `${path} was written by a newer nixfleet-dispatch. It was left as it is. Run that version again, or restore the backup from before the upgrade.`,
  foreign: (path: string) =>
    `${path} is another program's database, or one whose migrations this version does not know. It was left as it is. Name another file with --db.`,
} as const;

export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
  readonly trouble: keyof typeof troubles;

  constructor(trouble: keyof typeof troubles, path: string, detail: string, options?: ErrorOptions) {
    super(`${troubles[trouble](path)} (${detail})`, options);
    this.trouble = trouble;
  }
}

/** Names the trouble behind an error of SQLite or of the file system; anything else is returned as it is. */
export function storeOpenErrorFrom(error: unknown, path: string): unknown {
  const trouble = troubleOf(error);
  if (trouble === undefined) return error;
  const holder = trouble === "held" ? lockHolder(path) : undefined;
  const detail = holder === undefined ? messageOf(error) : `by process ${holder}: ${messageOf(error)}`;
  return new StoreOpenError(trouble, path, detail, { cause: error });
}

function troubleOf(error: unknown): keyof typeof troubles | undefined {
  if (error instanceof StoreOpenError) return undefined;
  const code = codeOf(error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return "held";
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return "damaged";
  if (/^SQLITE_READONLY/.test(code) || code === "EPERM" || code === "EROFS") return "read_only";
  if (/^SQLITE_(CANTOPEN|IOERR)/.test(code) || /^(EACCES|ENOENT|ENOTDIR|EEXIST|EISDIR)$/.test(code)) {
    return "out_of_reach";
  }
  // better-sqlite3 looks for the directory itself and says so in a TypeError.
  return error instanceof TypeError ? "out_of_reach" : undefined;
}

function codeOf(error: unknown): string {
  if (error instanceof Database.SqliteError) return error.code;
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
