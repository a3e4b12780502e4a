import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import type { Session } from "./database.js";
import { DatabaseOpenError } from "./open-error.js";

const migrationsFolder = fileURLToPath(new URL("./migrations", import.meta.url));

/** Any number that nobody else locks. */
const lockKey = "7884726310467325001";

const table = "nixfleet_dispatch_migrations";

const leastVersion = 150_000;

/**
 * Brings the schema up to this program's: all of the migrations that are missing, in order, in one transaction, and one
 * server at a time. drizzle's own migrator would skip what is out of order, take a newer database for an up-to-date one,
 * and take no lock.
 *
 * @param where the database for people, without a password
 * @throws DatabaseOpenError `newer`, `foreign` or `too_old`, or the database's error
 */
export async function migrateDatabase(session: Session, where: string): Promise<void> {
  await assertVersion(session, where);
  // Others may be at it for a while, and the tables that it changes are nobody's yet.
  await session.query("SET LOCAL lock_timeout = 0");
  await session.query("SET LOCAL statement_timeout = 0");
  await session.query("SELECT pg_advisory_xact_lock($1::bigint)", [lockKey]);
  const known = readMigrationFiles({ migrationsFolder });
  const applied = await appliedHashes(session, where);
  assertOurs(applied, known, where);
  for (const { sql, hash } of known.slice(applied.length)) {
    for (const statement of sql) await session.query(statement);
    await session.query(`INSERT INTO ${table} (hash) VALUES ($1)`, [hash]);
  }
}

async function assertVersion(session: Session, where: string): Promise<void> {
  const { rows } = await session.query<{ version: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text",
  );
  const [found] = rows;
  if (found !== undefined && found.version >= leastVersion) return;
  throw new DatabaseOpenError("too_old", where, `it is ${found?.text}, and 15 is the oldest that will do`);
}

async function appliedHashes(session: Session, where: string): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')",
  );
  const tables = rows.map(({ name }) => name);
  if (!tables.includes(table)) {
    if (tables.length > 0) throw foreign(where, `it has the table ${tables[0]}, and no migration that made it`);
    await session.query(
      `CREATE TABLE ${table} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    return [];
  }
  const applied = await session.query<{ hash: string }>(`SELECT hash FROM ${table} ORDER BY id`);
  return applied.rows.map(({ hash }) => hash);
}

function assertOurs(applied: readonly string[], known: readonly { readonly hash: string }[], where: string): void {
  const unknown = applied.findIndex((hash, i) => known[i]?.hash !== hash);
  if (unknown < 0) return;
  const detail = `migration ${unknown + 1} of ${applied.length} is unknown to this version, which has ${known.length}`;
  throw unknown < known.length ? foreign(where, detail) : new DatabaseOpenError("newer", where, detail);
}

function foreign(where: string, detail: string): DatabaseOpenError {
  return new DatabaseOpenError("foreign", where, detail);
}
