import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { type BetterSQLite3Database, drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { StoreOpenError } from "./open-error.js";

const migrationsFolder = fileURLToPath(new URL("./migrations", import.meta.url));

/**
 * Compares the history of migrations that the file records with ours. drizzle's migrator skips what is out of order,
 * takes a newer database for an up-to-date one and adds its tables to anybody's, all in silence.
 *
 * @throws StoreOpenError `newer` or `foreign`
 */
export function assertOurDatabase(client: Database.Database, path: string): void {
  const tables = tablesIn(client);
  const applied = tables.includes(migrationsTable) ? appliedHashes(client) : [];
  const others = tables.filter((name) => name !== migrationsTable);
  if (applied.length === 0 && others.length > 0) {
    throw new StoreOpenError("foreign", path, `it has the table ${others[0]}, and no migration that made it`);
  }
  const known = readMigrationFiles({ migrationsFolder });
  const unknown = applied.findIndex((hash, i) => known[i]?.hash !== hash);
  if (unknown < 0) return;
  const detail = `migration ${unknown + 1} of ${applied.length} is unknown to this version, which has ${known.length}`;
  throw new StoreOpenError(unknown < known.length ? "foreign" : "newer", path, detail);
}

/** Brings the schema up to this program's. The caller holds the file's exclusive lock, so no other process can be at it. */
export function migrateDatabase(client: Database.Database): BetterSQLite3Database {
  const db = drizzle({ client });
  migrate(db, { migrationsFolder });
  return db;
}

/** Names of migrations, in their order. */
export interface MigrationState {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
}

/** Of a database that {@link assertOurDatabase} has found to be ours: its history is the beginning of this program's. */
export function migrationState(client: Database.Database): MigrationState {
  const names = migrationNames();
  const applied = tablesIn(client).includes(migrationsTable) ? appliedHashes(client).length : 0;
  return { applied: names.slice(0, applied), pending: names.slice(applied) };
}

/** From drizzle-kit's journal: what the migrator reads has no names. */
function migrationNames(): string[] {
  const journal: unknown = JSON.parse(readFileSync(join(migrationsFolder, "meta", "_journal.json"), "utf8"));
  const entries = typeof journal === "object" && journal !== null && "entries" in journal ? journal.entries : undefined;
  if (!Array.isArray(entries)) throw new Error("the journal of the migrations has no entries");
  return entries.map((entry: { readonly tag?: unknown }) => String(entry.tag));
}

/** The migrator's own name for it. */
const migrationsTable = "__drizzle_migrations";

function tablesIn(client: Database.Database): string[] {
  const names = client.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  return names.filter((name) => !name.startsWith("sqlite_"));
}

function appliedHashes(client: Database.Database): string[] {
  return client.prepare<[], string>(`SELECT hash FROM ${migrationsTable} ORDER BY created_at`).pluck().all();
}
