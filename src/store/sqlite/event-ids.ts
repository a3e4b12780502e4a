import type Database from "better-sqlite3";
import { sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";

const table = "events";

/** Ids up to this one have been used, whether the events are still there or not. */
export function lastUsedEventId(db: BetterSQLite3Database): number {
  const used = db.get<{ seq: number } | undefined>(sql`SELECT seq FROM sqlite_sequence WHERE name = ${table}`);
  return used?.seq ?? 0;
}

/** Has SQLite take the ids up to this one for used. It writes nothing down for one that is not beyond them. */
export function reserveEventIds(client: Database.Database, upTo: number): void {
  const { changes } = client.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = ?").run(upTo, table);
  if (changes === 0) client.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").run(table, upTo);
}
