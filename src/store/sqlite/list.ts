import { and, asc, desc, eq, gt, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { DispatchKey, DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { DispatchFilter, EventFilter } from "../../dispatch/ports.js";
import type { RolloutId } from "../../dispatch/rollout.js";
import { dispatchColumns, dispatches, eventColumns, events, isNote } from "./schema.js";

export function list(
  db: BetterSQLite3Database,
  filter: DispatchFilter,
  after: DispatchKey | undefined,
  limit: number,
): DispatchRow[] {
  return db
    .select(dispatchColumns)
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
  const { hostname, rolloutId } = filter;
  const isWanted =
    hostname === undefined
      ? and(gt(events.id, afterId), rolloutId && eq(events.rolloutId, rolloutId))
      : inArray(events.id, historyOf(hostname, rolloutId, afterId));
  return db.select(eventColumns).from(events).where(isWanted).orderBy(asc(events.id)).limit(limit).all();
}

export function latestEvents(
  db: BetterSQLite3Database,
  { hostname, rolloutId }: DispatchKey,
  limit: number,
): DispatchEvent[] {
  return db
    .select(eventColumns)
    .from(events)
    .where(inArray(events.id, historyOf(hostname, rolloutId, 0)))
    .orderBy(desc(events.id))
    .limit(limit)
    .all()
    .reverse();
}

/**
 * The ids of a host's events, or of one of its dispatches', after `afterId`: from the last change of each dispatch on back, to
 * the first that is not wanted any more, since a note that is may hang on that.
 */
function historyOf(hostname: Hostname, rolloutId: RolloutId | undefined, afterId: number): SQL {
  const isOwn = and(eq(dispatches.hostname, hostname), rolloutId && eq(dispatches.rolloutId, rolloutId));
  return sql`(
    WITH RECURSIVE history(id, prev_id) AS (
      SELECT ${events.id}, ${events.prevId} FROM ${dispatches} JOIN ${events} ON ${events.id} = ${dispatches.lastEventId}
      WHERE ${isOwn}
      UNION
      SELECT ${events.id}, ${events.prevId} FROM history JOIN ${events} ON ${events.id} = history.prev_id
      WHERE history.id > ${afterId}
      UNION
      SELECT ${events.id}, ${events.prevId} FROM history JOIN ${events} ON ${events.prevId} = history.id AND ${isNote}
    ) SELECT id FROM history WHERE id > ${afterId}
  )`;
}
