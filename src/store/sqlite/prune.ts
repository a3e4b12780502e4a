import { and, asc, eq, inArray, lt, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { dispatchStates } from "../../dispatch/dispatch.js";
import type { Instant } from "../../dispatch/instant.js";
import { dispatches, events, hosts, isDone } from "./schema.js";

/** @returns how many rows it removed */
export function prune(db: BetterSQLite3Database, before: Instant, limit: number): number {
  return pruneDispatches(db, before, limit) + pruneEvents(db, before, limit) + pruneHosts(db, before, limit);
}

const doneStates = dispatchStates.filter((state) => state !== "pending" && state !== "leased");

/** State by state, since that is how the index of what is done begins. */
function pruneDispatches(db: BetterSQLite3Database, before: Instant, limit: number): number {
  let removed = 0;
  for (const state of doneStates) {
    const done = db
      .select({ rowid: sql`rowid` })
      .from(dispatches)
      .where(and(isDone, eq(dispatches.state, state), lt(dispatches.changedAt, before)))
      .limit(limit - removed);
    removed += db.delete(dispatches).where(sql`rowid IN ${done}`).run().changes;
  }
  return removed;
}

/** By id, which grows with time as long as nobody sets the clock: what an index by instant would cost each event is not worth it. */
function pruneEvents(db: BetterSQLite3Database, before: Instant, limit: number): number {
  const oldest = db.select().from(events).orderBy(asc(events.id)).limit(limit).all();
  const old = oldest.filter(({ at }) => at < before).map(({ id }) => id);
  return old.length === 0 ? 0 : db.delete(events).where(inArray(events.id, old)).run().changes;
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
