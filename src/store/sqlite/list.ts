import { and, asc, desc, eq, gt, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { DispatchKey, DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { DispatchFilter, EventFilter } from "../../dispatch/ports.js";
import { dispatches, events } from "./schema.js";

export function list(
  db: BetterSQLite3Database,
  filter: DispatchFilter,
  after: DispatchKey | undefined,
  limit: number,
): DispatchRow[] {
  return db
    .select()
    .from(dispatches)
    .where(and(...dispatchConditions(filter), after && isAfter(after)))
    .orderBy(asc(dispatches.hostname), asc(dispatches.rolloutId))
    .limit(limit)
    .all();
}

function isAfter({ hostname, rolloutId }: DispatchKey): SQL {
  return sql`(${dispatches.hostname}, ${dispatches.rolloutId}) > (${hostname}, ${rolloutId})`;
}

function dispatchConditions(filter: DispatchFilter): (SQL | undefined)[] {
  const { hostname, hostnamePrefix, rolloutId, channel, states, enqueuedAfter, enqueuedBefore } = filter;
  return [
    hostname && eq(dispatches.hostname, hostname),
    hostnamePrefix ? startsWith(dispatches.hostname, hostnamePrefix) : undefined,
    rolloutId && eq(dispatches.rolloutId, rolloutId),
    channel ? startsWith(dispatches.rolloutId, `${channel}@`) : undefined,
    states && states.length > 0 ? inArray(dispatches.state, [...states]) : undefined,
    enqueuedAfter === undefined ? undefined : gte(dispatches.enqueuedAt, enqueuedAfter),
    enqueuedBefore === undefined ? undefined : lt(dispatches.enqueuedAt, enqueuedBefore),
  ];
}

/** Names are ASCII, so what begins with a prefix lies between it and the prefix with the largest character behind it. */
export function startsWith(column: SQLiteColumn, prefix: string): SQL {
  return sql`${column} >= ${prefix} AND ${column} < ${`${prefix}\u007f`}`;
}

export function listEvents(
  db: BetterSQLite3Database,
  filter: EventFilter,
  afterId: number,
  limit: number,
): DispatchEvent[] {
  return db
    .select()
    .from(events)
    .where(and(...eventConditions(filter), gt(events.id, afterId)))
    .orderBy(asc(events.id))
    .limit(limit)
    .all();
}

export function latestEvents(db: BetterSQLite3Database, key: DispatchKey, limit: number): DispatchEvent[] {
  return db
    .select()
    .from(events)
    .where(and(...eventConditions(key)))
    .orderBy(desc(events.id))
    .limit(limit)
    .all()
    .reverse();
}

function eventConditions({ hostname, rolloutId }: EventFilter): (SQL | undefined)[] {
  return [hostname && eq(events.hostname, hostname), rolloutId && eq(events.rolloutId, rolloutId)];
}
