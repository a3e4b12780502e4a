import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { sql } from "drizzle-orm";
import { type BetterSQLite3Database, drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { StoreOpenError } from "./open-error.js";

const migrationsFolder = fileURLToPath(new URL("./migrations", import.meta.url));

/**
 * Brings the schema up to this program's. The caller holds the file's exclusive lock, so no other process can be at it.
 *
 * drizzle's migrator skips what is out of order and takes a newer database for an up-to-date one, both in silence; so the
 * history that the file records is compared with ours first.
 *
 * @throws StoreOpenError `newer` or `foreign`, before anything is changed
 */
export function migrateDatabase(client: Database.Database, path: string): BetterSQLite3Database {
  const db = drizzle({ client });
  assertKnownHistory(appliedMigrations(db), path);
  migrate(db, { migrationsFolder });
  return db;
}

interface Applied {
  readonly hash: string;
  readonly when: number;
}

function appliedMigrations(db: BetterSQLite3Database): Applied[] {
  const table = db.get(sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '__drizzle_migrations'`);
  if (table === undefined) return [];
  return db.all<Applied>(sql`SELECT hash, created_at AS "when" FROM __drizzle_migrations ORDER BY created_at`);
}

function assertKnownHistory(applied: readonly Applied[], path: string): void {
  const known = readMigrationFiles({ migrationsFolder });
  for (const [i, { hash, when }] of applied.entries()) {
    const ours = known[i];
    if (ours?.hash === hash) continue;
    const newest = known.at(-1)?.folderMillis ?? 0;
    const detail = `migration ${i + 1} of ${applied.length} is unknown to this version, which has ${known.length}`;
    throw new StoreOpenError(when > newest ? "newer" : "foreign", path, detail);
  }
}
