import { and, asc, desc, eq, getTableColumns, gt, gte, inArray, lt, lte, type SQL, sql } from "drizzle-orm";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { DispatchKey, DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { DispatchFilter, EventFilter } from "../../dispatch/ports.js";
import { dispatches, events } from "./schema.js";

// Without `take_id`, which is the store's own business.
const { takeId, ...rowColumns } = getTableColumns(dispatches);

export function list(
  db: NodePgDatabase,
  filter: DispatchFilter,
  after: DispatchKey | undefined,
  limit: number,
): Promise<DispatchRow[]> {
  return db
    .select(rowColumns)
    .from(dispatches)
    .where(and(...dispatchConditions(filter), after && isAfter(after)))
    .orderBy(asc(dispatches.hostname), asc(dispatches.rolloutId))
    .limit(limit);
}

export async function find(db: NodePgDatabase, { hostname, rolloutId }: DispatchKey): Promise<DispatchRow | undefined> {
  const isIt = and(eq(dispatches.hostname, hostname), eq(dispatches.rolloutId, rolloutId));
  const [row] = await db.select(rowColumns).from(dispatches).where(isIt);
  return row;
}

function isAfter({ hostname, rolloutId }: DispatchKey): SQL {
  return sql`(${dispatches.hostname}, ${dispatches.rolloutId}) > (${hostname}::text, ${rolloutId}::text)`;
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
export function startsWith(column: PgColumn, prefix: string): SQL {
  return sql`${column} >= ${prefix} AND ${column} < ${`${prefix}\u007f`}`;
}

/** @param horizon the last event that may be shown; see `event-horizon.ts` */
export function listEvents(
  db: NodePgDatabase,
  filter: EventFilter,
  { afterId, horizon }: { readonly afterId: number; readonly horizon: number },
  limit: number,
): Promise<DispatchEvent[]> {
  return db
    .select()
    .from(events)
    .where(and(...eventConditions(filter), gt(events.id, afterId), lte(events.id, horizon)))
    .orderBy(asc(events.id))
    .limit(limit);
}

/** Of one dispatch, whose row is held by whoever writes its history: in order by themselves. */
export async function latestEvents(db: NodePgDatabase, key: DispatchKey, limit: number): Promise<DispatchEvent[]> {
  const latest = await db
    .select()
    .from(events)
    .where(and(...eventConditions(key)))
    .orderBy(desc(events.id))
    .limit(limit);
  return latest.reverse();
}

function eventConditions({ hostname, rolloutId }: EventFilter): (SQL | undefined)[] {
  return [hostname && eq(events.hostname, hostname), rolloutId && eq(events.rolloutId, rolloutId)];
}
