import { sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";

/** Ids up to this one have been used, whether the events are still there or not. */
export function lastUsedEventId(db: BetterSQLite3Database): number {
  const used = db.get<{ seq: number } | undefined>(sql`SELECT seq FROM sqlite_sequence WHERE name = 'events'`);
  return used?.seq ?? 0;
}
