import { getTableColumns, sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { TargetClosure } from "../../dispatch/closure.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import { eventKinds } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant, Steady } from "../../dispatch/instant.js";
import type { LeaseToken } from "../../dispatch/lease.js";
import type { Wire } from "../../dispatch/origin.js";
import type { RolloutId } from "../../dispatch/rollout.js";

/**
 * Instants are whole microseconds. The brands of the columns are trusted on the way out: they were checked on the way in,
 * and the file is ours alone.
 *
 * After a change here, `npm run migration:sqlite` writes the next file in migrations/; one that has landed is never edited.
 */
const instant = (name: string) => integer(name).$type<Instant>();
const hostname = () => text("hostname").$type<Hostname>().notNull();
const rolloutId = () => text("rollout_id").$type<RolloutId>().notNull();

/** What no take, and no passing of time, changes any more. */
export const isDone = sql`state NOT IN ('pending', 'leased')`;

/** One row per (hostname, rollout_id): its present state. */
export const dispatches = sqliteTable(
  "dispatches",
  {
    hostname: hostname(),
    rolloutId: rolloutId(),
    targetClosure: text("target_closure").$type<TargetClosure>().notNull(),
    soakDueAt: instant("soak_due_at").notNull(),
    notBefore: instant("not_before"),
    notAfter: instant("not_after"),
    maxAttempts: integer("max_attempts").notNull(),
    enqueuedAt: instant("enqueued_at").notNull(),
    sequence: integer("sequence").notNull(),
    state: text("state", { enum: dispatchStates }).notNull(),
    attempt: integer("attempt").notNull(),
    leaseToken: text("lease_token").$type<LeaseToken>(),
    leaseEndsAt: integer("lease_ends_at").$type<Steady>(),
    leaseExpiresAt: instant("lease_expires_at"),
    reason: text("reason"),
    changedAt: instant("changed_at").notNull(),
    /** Its last change in the history, which leads from one to the one before by their `prevId`. */
    lastEventId: integer("last_event_id"),
  },
  (table) => [
    primaryKey({ columns: [table.hostname, table.rolloutId] }),
    // Each look-up of the hot path has its own rows in an index, and nothing else: what is done costs it nothing.
    index("dispatches_pending").on(table.hostname, table.enqueuedAt, table.sequence).where(sql`state = 'pending'`),
    index("dispatches_leased").on(table.leaseEndsAt).where(sql`state = 'leased'`),
    index("dispatches_not_before").on(table.notBefore).where(sql`state = 'pending' AND not_before IS NOT NULL`),
    index("dispatches_not_after").on(table.notAfter).where(sql`state = 'pending' AND not_after IS NOT NULL`),
  ],
);

/** In the words of the partial index. */
export const isNote = sql`kind = 'flushed'`;

/**
 * What happened, for good. Ids are never used again, so that a reader can go on after the last one that it has seen.
 *
 * No index by host, in which each event of a fleet would change another page: those of a dispatch hang together instead. See
 * `docs/decisions/history-as-a-chain.md`.
 */
export const events = sqliteTable(
  "events",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    at: instant("at").notNull(),
    hostname: hostname(),
    rolloutId: rolloutId(),
    kind: text("kind", { enum: eventKinds }).notNull(),
    attempt: integer("attempt").notNull(),
    actor: text("actor").notNull(),
    address: text("address").notNull(),
    wire: text("wire").$type<Wire | "">().notNull(),
    detail: text("detail").notNull(),
    parkedMs: integer("parked_ms"),
    /**
     * The last change before it of the same dispatch; `null` for the first. It may have been pruned. Several notes may have
     * the same, while each change is the next one's.
     */
    prevId: integer("prev_id"),
  },
  (table) => [index("events_note").on(table.prevId).where(isNote)],
);

const { lastEventId, ...rowColumns } = getTableColumns(dispatches);
const { prevId, ...ownColumns } = getTableColumns(events);

/** A row as the rules know it: without what only this store needs. */
export const dispatchColumns = rowColumns;

/** The same of an event. */
export const eventColumns = ownColumns;

/** Every host that has polled, as of its last poll. */
export const hosts = sqliteTable(
  "hosts",
  {
    hostname: text("hostname").$type<Hostname>().primaryKey(),
    lastSeenAt: instant("last_seen_at").notNull(),
    address: text("address").notNull(),
    wire: text("wire").$type<Wire>().notNull(),
    agentVersion: text("agent_version").notNull(),
    certificateNotAfter: instant("certificate_not_after"),
  },
  (table) => [index("hosts_last_seen").on(table.lastSeenAt)],
);

/** One row: how the clock that leases are measured by goes on after a restart; see `steady-clock.ts`. */
export const steadyClock = sqliteTable("steady_clock", {
  id: integer("id").primaryKey(),
  bootId: text("boot_id").notNull(),
  /** From the machine's monotonic clock to the steady one. */
  offsetMicros: integer("offset_micros").notNull(),
  lastSteady: integer("last_steady").$type<Steady>().notNull(),
});

/** Whose certificates do not count any more, by call. */
export const revocations = sqliteTable("revocations", {
  /** A machine id, or an operator's Common Name. */
  subject: text("subject").primaryKey(),
  revokedBefore: instant("revoked_before").notNull(),
  reason: text("reason").notNull(),
  revokedBy: text("revoked_by").notNull(),
  revokedAt: instant("revoked_at").notNull(),
});
