import { and, asc, eq, getTableColumns, lte, max, min, type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { dispatches, events, hosts } from "./schema.js";

export type Statements = ReturnType<typeof prepareStatements>;

const { placeholder } = sql;

/** Every statement of the hot path, in words. */
export function prepareStatements(db: BetterSQLite3Database) {
  return {
    ...prepareTake(db),
    ...prepareDue(db),
    ...prepareHistory(db),
    find: db.select(wholeRow).from(dispatches).where(isPair).prepare(),
    ...prepareEnqueue(db),
    lastSequence: db
      .select({ last: max(dispatches.sequence) })
      .from(dispatches)
      .prepare(),
  };
}

/** In the order of `DispatchColumns`. */
const wholeRow = { ...getTableColumns(dispatches), rowid: sql<number>`rowid` };

const isPair = and(
  eq(dispatches.hostname, placeholder("hostname")),
  eq(dispatches.rolloutId, placeholder("rolloutId")),
);

const isPendingOfHost = and(eq(dispatches.hostname, placeholder("hostname")), sql`${dispatches.state} = 'pending'`);

function prepareTake(db: BetterSQLite3Database) {
  return {
    takeable: db
      .select(wholeRow)
      .from(dispatches)
      .where(
        and(
          isPendingOfHost,
          sql`(${dispatches.notBefore} IS NULL OR ${dispatches.notBefore} <= ${placeholder("now")})`,
          sql`(${dispatches.notAfter} IS NULL OR ${dispatches.notAfter} > ${placeholder("now")})`,
        ),
      )
      .orderBy(asc(dispatches.enqueuedAt), asc(dispatches.sequence))
      .limit(placeholder("limit"))
      .prepare(),
    pendingOfChannel: db
      .select(wholeRow)
      .from(dispatches)
      .where(and(isPendingOfHost, sql`${dispatches.rolloutId} GLOB ${placeholder("channelPattern")}`))
      .prepare(),
    /** What steps change of a row; an enqueue changes all of it. */
    update: db
      .update(dispatches)
      .set({
        soakDueAt: sql`${placeholder("soakDueAt")}`,
        state: sql`${placeholder("state")}`,
        attempt: sql`${placeholder("attempt")}`,
        leaseToken: sql`${placeholder("leaseToken")}`,
        leaseEndsAt: sql`${placeholder("leaseEndsAt")}`,
        leaseExpiresAt: sql`${placeholder("leaseExpiresAt")}`,
        reason: sql`${placeholder("reason")}`,
        changedAt: sql`${placeholder("changedAt")}`,
        lastEventId: sql`${placeholder("lastEventId")}`,
      })
      .where(sql`rowid = ${placeholder("rowid")}`)
      .prepare(),
    lastEvent: db.select({ id: dispatches.lastEventId }).from(dispatches).where(isPair).prepare(),
  };
}

const isLeased = sql`${dispatches.state} = 'leased'`;
const waitsToBegin = sql`${dispatches.state} = 'pending' AND ${dispatches.notBefore} IS NOT NULL`;
const waitsToEnd = sql`${dispatches.state} = 'pending' AND ${dispatches.notAfter} IS NOT NULL`;

function prepareDue(db: BetterSQLite3Database) {
  return {
    leasesOver: db
      .select(wholeRow)
      .from(dispatches)
      .where(and(isLeased, lte(dispatches.leaseEndsAt, placeholder("steady"))))
      .limit(placeholder("limit"))
      .prepare(),
    expired: db
      .select(wholeRow)
      .from(dispatches)
      .where(and(waitsToEnd, lte(dispatches.notAfter, placeholder("now"))))
      .limit(placeholder("limit"))
      .prepare(),
    begunSince: db
      .selectDistinct({ hostname: dispatches.hostname })
      .from(dispatches)
      .where(
        and(
          waitsToBegin,
          sql`${dispatches.notBefore} > ${placeholder("since")} AND ${dispatches.notBefore} <= ${placeholder("now")}`,
        ),
      )
      .prepare(),
    nextLeaseEnd: db
      .select({ at: min(dispatches.leaseEndsAt) })
      .from(dispatches)
      .where(isLeased)
      .prepare(),
    nextBegin: db
      .select({ at: min(dispatches.notBefore) })
      .from(dispatches)
      .where(and(waitsToBegin, sql`${dispatches.notBefore} > ${placeholder("now")}`))
      .prepare(),
    nextEnd: db
      .select({ at: min(dispatches.notAfter) })
      .from(dispatches)
      .where(waitsToEnd)
      .prepare(),
  };
}

/** More in one statement gain nothing: 16 cost 3.0 µs each, 64 cost 2.9, one by one 4.6. */
const eventsPerStatement = 16;

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

function prepareHistory(db: BetterSQLite3Database) {
  return {
    addEvent: db.insert(events).values(eventValues("")).prepare(),
    addEvents: db
      .insert(events)
      .values(Array.from({ length: eventsPerStatement }, (_, i) => eventValues(i)))
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

const rowValues = {
  hostname: placeholder("hostname"),
  rolloutId: placeholder("rolloutId"),
  targetClosure: placeholder("targetClosure"),
  soakDueAt: placeholder("soakDueAt"),
  notBefore: placeholder("notBefore"),
  notAfter: placeholder("notAfter"),
  maxAttempts: placeholder("maxAttempts"),
  enqueuedAt: placeholder("enqueuedAt"),
  sequence: placeholder("sequence"),
  state: placeholder("state"),
  attempt: placeholder("attempt"),
  leaseToken: placeholder("leaseToken"),
  leaseEndsAt: placeholder("leaseEndsAt"),
  leaseExpiresAt: placeholder("leaseExpiresAt"),
  reason: placeholder("reason"),
  changedAt: placeholder("changedAt"),
  lastEventId: placeholder("lastEventId"),
};

/** Rows with their 11 values each cost 2.8 µs of CPU this way, one by one with 16 values 4.3. As many as events, which go with them. */
const freshRowsPerStatement = eventsPerStatement;

/** What tells one new row from another: the rest is as `isFresh` says. */
function freshValues(suffix: number) {
  return {
    hostname: placeholder(`hostname${suffix}`),
    rolloutId: placeholder(`rolloutId${suffix}`),
    targetClosure: placeholder(`targetClosure${suffix}`),
    soakDueAt: placeholder(`soakDueAt${suffix}`),
    maxAttempts: placeholder(`maxAttempts${suffix}`),
    enqueuedAt: placeholder(`enqueuedAt${suffix}`),
    sequence: placeholder(`sequence${suffix}`),
    state: placeholder(`state${suffix}`),
    attempt: placeholder(`attempt${suffix}`),
    changedAt: placeholder(`changedAt${suffix}`),
    lastEventId: placeholder(`lastEventId${suffix}`),
  };
}

function prepareEnqueue(db: BetterSQLite3Database) {
  const insert = () => db.insert(dispatches).values(rowValues);
  return {
    /** As `insert`, for several rows that are fresh. */
    insertFresh: db
      .insert(dispatches)
      .values(Array.from({ length: freshRowsPerStatement }, (_, i) => freshValues(i)))
      .onConflictDoNothing()
      .prepare(),
    /** Changes nothing if there is one of the pair. Most pairs are new, and are spared a look-up. */
    insert: insert().onConflictDoNothing().prepare(),
    upsert: insert()
      .onConflictDoUpdate({
        target: [dispatches.hostname, dispatches.rolloutId],
        set: {
          targetClosure: sql`excluded.target_closure`,
          soakDueAt: sql`excluded.soak_due_at`,
          notBefore: sql`excluded.not_before`,
          notAfter: sql`excluded.not_after`,
          maxAttempts: sql`excluded.max_attempts`,
          enqueuedAt: sql`excluded.enqueued_at`,
          sequence: sql`excluded.sequence`,
          state: sql`excluded.state`,
          attempt: sql`excluded.attempt`,
          leaseToken: sql`excluded.lease_token`,
          leaseEndsAt: sql`excluded.lease_ends_at`,
          leaseExpiresAt: sql`excluded.lease_expires_at`,
          reason: sql`excluded.reason`,
          changedAt: sql`excluded.changed_at`,
          lastEventId: sql`excluded.last_event_id`,
        },
      })
      .prepare(),
  };
}
