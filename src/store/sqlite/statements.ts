import { and, asc, eq, getTableColumns, lte, max, min, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { eventsPerStatement, prepareHistory } from "./history-statements.js";
import { dispatches } from "./schema.js";

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

/** What a take reads of a row, in the order of `WaitingColumns`. */
const waitingRow = {
  rolloutId: dispatches.rolloutId,
  targetClosure: dispatches.targetClosure,
  soakDueAt: dispatches.soakDueAt,
  enqueuedAt: dispatches.enqueuedAt,
  sequence: dispatches.sequence,
  attempt: dispatches.attempt,
  lastEventId: dispatches.lastEventId,
  rowid: sql<number>`rowid`,
};

const isPair = and(
  eq(dispatches.hostname, placeholder("hostname")),
  eq(dispatches.rolloutId, placeholder("rolloutId")),
);

const isPendingOfHost = and(eq(dispatches.hostname, placeholder("hostname")), sql`${dispatches.state} = 'pending'`);

const changedByTake = {
  state: sql`${placeholder("state")}`,
  attempt: sql`${placeholder("attempt")}`,
  leaseToken: sql`${placeholder("leaseToken")}`,
  leaseEndsAt: sql`${placeholder("leaseEndsAt")}`,
  leaseExpiresAt: sql`${placeholder("leaseExpiresAt")}`,
  changedAt: sql`${placeholder("changedAt")}`,
  lastEventId: sql`${placeholder("lastEventId")}`,
};

function prepareTake(db: BetterSQLite3Database) {
  return {
    takeable: db
      .select(waitingRow)
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
        ...changedByTake,
        soakDueAt: sql`${placeholder("soakDueAt")}`,
        reason: sql`${placeholder("reason")}`,
      })
      .where(sql`rowid = ${placeholder("rowid")}`)
      .prepare(),
    updateTaken: db
      .update(dispatches)
      .set(changedByTake)
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
