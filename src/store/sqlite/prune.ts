import { and, asc, eq, inArray, lt, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { Instant } from "../../dispatch/instant.js";
import type { ReadyStatements } from "./ready-statements.js";
import { dispatches, events, hosts, isDone } from "./schema.js";

/** @returns how many rows it removed */
export function prune(
  db: BetterSQLite3Database,
  statements: Pick<ReadyStatements, "counts">,
  before: Instant,
  limit: number,
): number {
  return pruneHistory(db, statements, before, limit) + pruneHosts(db, before, limit);
}

/**
 * Events by their ids, which grow with time as long as nobody sets the clock: what an index by instant would cost each event is not
 * worth it. What is done goes with the event by which it was: an index of its own would cost each take more than all of this.
 */
function pruneHistory(
  db: BetterSQLite3Database,
  statements: Pick<ReadyStatements, "counts">,
  before: Instant,
  limit: number,
): number {
  const oldest = db.select({ id: events.id, at: events.at }).from(events).orderBy(asc(events.id)).limit(limit).all();
  const old = oldest.filter(({ at }) => at < before).map(({ id }) => id);
  if (old.length === 0) return 0;
  const removed = pruneDone(db, statements, old);
  return removed + db.delete(events).where(inArray(events.id, old)).run().changes;
}

/** @param lastEventIds of what is removed if it is done */
function pruneDone(
  db: BetterSQLite3Database,
  { counts }: Pick<ReadyStatements, "counts">,
  lastEventIds: readonly number[],
): number {
  const isOfEvent = and(
    eq(dispatches.hostname, events.hostname),
    eq(dispatches.rolloutId, events.rolloutId),
    eq(dispatches.lastEventId, events.id),
  );
  const done = db
    .select({ rowid: sql`${dispatches}.rowid` })
    .from(events)
    .innerJoin(dispatches, isOfEvent)
    .where(and(inArray(events.id, [...lastEventIds]), isDone));
  const removed = db.delete(dispatches).where(sql`rowid IN ${done}`).returning({ state: dispatches.state }).all();
  for (const { state } of removed) counts.removed(state);
  return removed.length;
}

function pruneHosts(db: BetterSQLite3Database, before: Instant, limit: number): number {
  const gone = db
    .select({ hostname: hosts.hostname })
    .from(hosts)
    .where(lt(hosts.lastSeenAt, before))
    .limit(limit)
    .all();
  for (const { hostname } of gone) db.delete(hosts).where(eq(hosts.hostname, hostname)).run();
  return gone.length;
}
