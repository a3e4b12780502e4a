import { and, eq, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { dispatches } from "./schema.js";

export type Statements = ReturnType<typeof prepareStatements>;

/** Every statement of the hot path, prepared once. */
export function prepareStatements(db: BetterSQLite3Database) {
  return {
    take: prepareTake(db),
    giveBack: prepareGiveBack(db),
    isPending: prepareIsPending(db),
    upsert: prepareUpsert(db),
    lastSequence: db
      .select({ last: sql<number | null>`max(${dispatches.sequence})` })
      .from(dispatches)
      .prepare(),
  };
}

function prepareTake(db: BetterSQLite3Database) {
  const oldest = sql`rowid IN (
    SELECT rowid FROM ${dispatches}
    WHERE ${dispatches.hostname} = ${sql.placeholder("hostname")} AND ${dispatches.state} = 'pending'
    ORDER BY ${dispatches.enqueuedAt}, ${dispatches.sequence} LIMIT ${sql.placeholder("limit")})`;
  return db
    .update(dispatches)
    .set({ state: "delivered", attempt: sql`${dispatches.attempt} + 1` })
    .where(oldest)
    .returning()
    .prepare();
}

function prepareGiveBack(db: BetterSQLite3Database) {
  return db
    .update(dispatches)
    .set({ state: "pending" })
    .where(
      and(
        eq(dispatches.hostname, sql.placeholder("hostname")),
        eq(dispatches.rolloutId, sql.placeholder("rolloutId")),
        eq(dispatches.sequence, sql.placeholder("sequence")),
        eq(dispatches.attempt, sql.placeholder("attempt")),
        eq(dispatches.state, "delivered"),
      ),
    )
    .prepare();
}

function prepareIsPending(db: BetterSQLite3Database) {
  return db
    .select({ state: dispatches.state })
    .from(dispatches)
    .where(
      and(
        eq(dispatches.hostname, sql.placeholder("hostname")),
        eq(dispatches.rolloutId, sql.placeholder("rolloutId")),
        eq(dispatches.state, "pending"),
      ),
    )
    .prepare();
}

function prepareUpsert(db: BetterSQLite3Database) {
  return db
    .insert(dispatches)
    .values({
      hostname: sql.placeholder("hostname"),
      rolloutId: sql.placeholder("rolloutId"),
      targetClosure: sql.placeholder("targetClosure"),
      soakDueAt: sql.placeholder("soakDueAt"),
      enqueuedAt: sql.placeholder("enqueuedAt"),
      sequence: sql.placeholder("sequence"),
      state: "pending",
      attempt: 0,
    })
    .onConflictDoUpdate({
      target: [dispatches.hostname, dispatches.rolloutId],
      set: {
        targetClosure: sql`excluded.target_closure`,
        soakDueAt: sql`excluded.soak_due_at`,
        enqueuedAt: sql`excluded.enqueued_at`,
        sequence: sql`excluded.sequence`,
        state: sql`excluded.state`,
        attempt: sql`excluded.attempt`,
      },
    })
    .prepare();
}
