import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { events, hosts } from "./schema.js";

const { placeholder } = sql;

/** More in one statement gain nothing: 16 cost 3.0 µs each, 64 cost 2.9, one by one 4.6. */
export const eventsPerStatement = 16;

function eventValues(suffix: string | number) {
  return {
    id: placeholder(`id${suffix}`),
    at: placeholder(`at${suffix}`),
    hostname: placeholder(`hostname${suffix}`),
    rolloutId: placeholder(`rolloutId${suffix}`),
    kind: placeholder(`kind${suffix}`),
    attempt: placeholder(`attempt${suffix}`),
    actor: placeholder(`actor${suffix}`),
    address: placeholder(`address${suffix}`),
    wire: placeholder(`wire${suffix}`),
    detail: placeholder(`detail${suffix}`),
    parkedMs: placeholder(`parkedMs${suffix}`),
    prevId: placeholder(`prevId${suffix}`),
  };
}

type EventColumn = keyof ReturnType<typeof eventValues>;

const ofOneKind = ["kind", "attempt", "wire", "detail"] as const satisfies readonly EventColumn[];
const ofOneCause = ["at", "actor", "address", "parkedMs", "prevId"] as const satisfies readonly EventColumn[];

/**
 * Several rows with the same value in some columns, which is bound once. To bind a value is most of what a row costs: an event of an
 * enqueue is 1.5 µs with 12 values of its own, and 0.8 with three.
 */
function eventsSharing(shared: readonly EventColumn[]): SQL {
  const columns: readonly (readonly [string, unknown])[] = Object.entries(getTableColumns(events));
  const isShared = (name: string) => shared.some((other) => other === name);
  const own = columns.map(([name]) => name).filter((name) => !isShared(name));
  const selected = columns.map(([name]) =>
    isShared(name) ? sql`alike.${sql.identifier(name)}` : sql`own.${sql.identifier(`column${own.indexOf(name) + 1}`)}`,
  );
  const alike = shared.map((name) => sql`${placeholder(name)} AS ${sql.identifier(name)}`);
  const rows = Array.from(
    { length: eventsPerStatement },
    (_, i) => sql`(${listOf(own.map((name) => sql`${placeholder(`${name}${i}`)}`))})`,
  );
  return sql`SELECT ${listOf(selected)} FROM (SELECT ${listOf(alike)}) AS alike CROSS JOIN (VALUES ${listOf(rows)}) AS own`;
}

function listOf(parts: SQL[]): SQL {
  return sql.join(parts, sql`, `);
}

/** What adds to the history, and to what is known of hosts. */
export function prepareHistory(db: BetterSQLite3Database) {
  return {
    addEvent: db.insert(events).values(eventValues("")).prepare(),
    addEvents: db
      .insert(events)
      .values(Array.from({ length: eventsPerStatement }, (_, i) => eventValues(i)))
      .prepare(),
    /** Those of one that is taken as it is enqueued. */
    addTwoEvents: db
      .insert(events)
      .values([eventValues(0), eventValues(1)])
      .prepare(),
    /** Those of an enqueue: only the dispatch differs. */
    addEventsAlike: db
      .insert(events)
      .select(eventsSharing([...ofOneKind, ...ofOneCause]))
      .prepare(),
    /** Those of takes, and notes: each host's own. */
    addEventsOfOneKind: db.insert(events).select(eventsSharing(ofOneKind)).prepare(),
    putHost: db
      .insert(hosts)
      .values({
        hostname: placeholder("hostname"),
        lastSeenAt: placeholder("lastSeenAt"),
        address: placeholder("address"),
        wire: placeholder("wire"),
        agentVersion: placeholder("agentVersion"),
        certificateNotAfter: placeholder("certificateNotAfter"),
      })
      .onConflictDoUpdate({
        target: hosts.hostname,
        set: {
          lastSeenAt: sql`excluded.last_seen_at`,
          address: sql`excluded.address`,
          wire: sql`excluded.wire`,
          agentVersion: sql`excluded.agent_version`,
          certificateNotAfter: sql`excluded.certificate_not_after`,
        },
      })
      .prepare(),
  };
}
