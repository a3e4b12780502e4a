import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { count } from "drizzle-orm";
import { drizzle } from "drizzle-orm/better-sqlite3";
import type { QueueStats } from "../../dispatch/reports.js";
import { type CopyOptions, copyDatabase } from "./copy.js";
import { lockHolder } from "./lock-holder.js";
import { assertOurDatabase, type MigrationState, migrationState } from "./migrate.js";
import { StoreOpenError, storeOpenErrorFrom } from "./open-error.js";
import { stats } from "./reports.js";
import { events, revocations } from "./schema.js";
import { countStates } from "./state-counts.js";

/** A database that is whole, and ours. */
export interface Inspection {
  /** Of the file alone. */
  readonly bytes: number;
  /** Of the log beside it, which holds what is not yet in the file; 0 if there is none. */
  readonly logBytes: number;
  /** The process that has it open, if one has and the system tells which. */
  readonly heldBy: number | undefined;
  readonly migrations: MigrationState;
  /** `undefined` while migrations are pending: the tables are not those that this version reads. */
  readonly counts: Counts | undefined;
}

export interface Counts extends Pick<QueueStats, "states" | "hosts"> {
  readonly events: number;
  readonly revocations: number;
}

/**
 * Looks through a database without touching it, also while a server has it open: what is looked through is a copy of one
 * moment, in a folder of its own under `temporary`, which is removed again.
 *
 * @throws StoreOpenError naming the original, RestlessError, or the reason of the signal
 */
export async function inspectDatabase(
  path: string,
  options: CopyOptions & { readonly temporary: string },
): Promise<Inspection> {
  const folder = await mkdtemp(join(options.temporary, "nixfleet-dispatch-check-"));
  try {
    return await inspectCopy(path, join(folder, "copy.db"), options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Copies to `copy`, which becomes one whole file without a log, and looks through that. */
export async function inspectCopy(path: string, copy: string, options: CopyOptions): Promise<Inspection> {
  try {
    const sizes = { bytes: await sizeOf(path), logBytes: await sizeOf(`${path}-wal`) };
    const heldBy = lockHolder(path);
    await copyDatabase(path, copy, options);
    return { ...sizes, heldBy, ...lookThrough(path, copy) };
  } catch (error) {
    throw storeOpenErrorFrom(error, path);
  }
}

function lookThrough(path: string, copy: string): Pick<Inspection, "migrations" | "counts"> {
  const client = new Database(copy);
  try {
    // Nobody else knows of the copy, so it needs no file to share with others.
    client.pragma("locking_mode = EXCLUSIVE");
    assertWhole(client, path);
    assertOurDatabase(client, path);
    const migrations = migrationState(client);
    return { migrations, counts: migrations.pending.length === 0 ? countRows(client) : undefined };
  } finally {
    // The last to close puts the log into the file.
    client.close();
  }
}

function assertWhole(client: Database.Database, path: string): void {
  const findings = findingsIn(client.pragma("integrity_check(5)"));
  if (findings.length === 1 && findings[0] === "ok") return;
  throw new StoreOpenError("damaged", path, findings.join("; ").replaceAll(/\s+/g, " "));
}

/** As many of what is wrong as a message can hold, or `ok`. */
function findingsIn(rows: unknown): string[] {
  if (!Array.isArray(rows)) return [];
  return rows.map((row: { readonly integrity_check?: unknown }) => String(row.integrity_check));
}

function countRows(client: Database.Database): Counts {
  const db = drizzle({ client });
  const { states, hosts } = stats(db, countStates(db));
  return {
    states,
    hosts,
    events: db.select({ n: count() }).from(events).get()?.n ?? 0,
    revocations: db.select({ n: count() }).from(revocations).get()?.n ?? 0,
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (path.endsWith("-wal")) return 0;
    throw error;
  }
}
