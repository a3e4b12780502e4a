import { sql } from "drizzle-orm";
import {
  bigint,
  bigserial,
  customType,
  index,
  integer,
  pgTable,
  text as plainText,
  primaryKey,
} from "drizzle-orm/pg-core";
import type { TargetClosure } from "../../dispatch/closure.js";
import { dispatchStates } from "../../dispatch/dispatch.js";
import { eventKinds } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant, Steady } from "../../dispatch/instant.js";
import type { LeaseToken } from "../../dispatch/lease.js";
import type { Wire } from "../../dispatch/origin.js";
import type { RolloutId } from "../../dispatch/rollout.js";
import { instantFromText, textFromInstant } from "./instant-text.js";

/**
 * The twin of `../sqlite/schema.ts`. The brands of the columns are trusted on the way out: they were checked on the way in,
 * and the tables are ours alone.
 *
 * After a change here, `npm run migration:postgres` writes the next file in migrations/; one that has landed is never edited.
 */
const timestamp = <T extends number>(name: string) =>
  customType<{ data: T; driverData: string }>({
    dataType: () => "timestamp (6) with time zone",
    toDriver: textFromInstant,
    // A steady instant is written like any other.
    fromDriver: (value) => instantFromText(value) as number as T,
  })(name);
const instant = (name: string) => timestamp<Instant>(name);

/** Ordered by bytes, whatever the database's language: pages and prefixes rest on it. */
const name = <T extends string>(column: string) =>
  customType<{ data: T }>({ dataType: () => 'text COLLATE "C"' })(column);
const hostname = () => name<Hostname>("hostname").notNull();
const rolloutId = () => name<RolloutId>("rollout_id").notNull();

/** In the words of the partial index, so that PostgreSQL knows that it may use that. */
export const isDone = sql`state NOT IN ('pending', 'leased')`;

/** One row per (hostname, rollout_id): its present state. */
export const dispatches = pgTable(
  "dispatches",
  {
    hostname: hostname(),
    rolloutId: rolloutId(),
    targetClosure: plainText("target_closure").$type<TargetClosure>().notNull(),
    soakDueAt: instant("soak_due_at").notNull(),
    notBefore: instant("not_before"),
    notAfter: instant("not_after"),
    maxAttempts: integer("max_attempts").notNull(),
    enqueuedAt: instant("enqueued_at").notNull(),
    /** From the sequence `enqueue_numbers`, which the migrations make. */
    sequence: bigint("sequence", { mode: "number" }).notNull(),
    state: plainText("state", { enum: dispatchStates }).notNull(),
    attempt: integer("attempt").notNull(),
    leaseToken: plainText("lease_token").$type<LeaseToken>(),
    leaseEndsAt: timestamp<Steady>("lease_ends_at"),
    leaseExpiresAt: instant("lease_expires_at"),
    reason: plainText("reason"),
    changedAt: instant("changed_at").notNull(),
    /** Which batch of takes took it last, so that one whose answer got lost can be found again; see `doubts.ts`. */
    takeId: bigint("take_id", { mode: "number" }),
  },
  (table) => [
    primaryKey({ columns: [table.hostname, table.rolloutId] }),
    // Each look-up of the hot path has its own rows in an index, and nothing else: what is done costs it nothing.
    index("dispatches_pending").on(table.hostname, table.enqueuedAt, table.sequence).where(sql`state = 'pending'`),
    index("dispatches_leased").on(table.leaseEndsAt).where(sql`state = 'leased'`),
    index("dispatches_not_before").on(table.notBefore).where(sql`state = 'pending' AND not_before IS NOT NULL`),
    index("dispatches_not_after").on(table.notAfter).where(sql`state = 'pending' AND not_after IS NOT NULL`),
    index("dispatches_done").on(table.state, table.changedAt).where(isDone),
  ],
);

/** What happened, for good. Ids grow; in which order they become visible is for `event-horizon.ts` to say. */
export const events = pgTable(
  "events",
  {
    id: bigserial("id", { mode: "number" }).primaryKey(),
    at: instant("at").notNull(),
    hostname: hostname(),
    rolloutId: rolloutId(),
    kind: plainText("kind", { enum: eventKinds }).notNull(),
    attempt: integer("attempt").notNull(),
    actor: plainText("actor").notNull(),
    address: plainText("address").notNull(),
    wire: plainText("wire").$type<Wire | "">().notNull(),
    detail: plainText("detail").notNull(),
    parkedMs: integer("parked_ms"),
  },
  (table) => [index("events_host").on(table.hostname, table.id)],
);

/**
 * Every host that has polled, as of its last poll. No index on when: it would have to be changed with each poll of the
 * fleet, and only pruning would ever use it.
 */
export const hosts = pgTable("hosts", {
  hostname: name<Hostname>("hostname").primaryKey(),
  lastSeenAt: instant("last_seen_at").notNull(),
  address: plainText("address").notNull(),
  wire: plainText("wire").$type<Wire>().notNull(),
  agentVersion: plainText("agent_version").notNull(),
  certificateNotAfter: instant("certificate_not_after"),
});

/** Every server that runs on this database, as of its last sign of life. */
export const servers = pgTable("servers", {
  /** Of one process. */
  id: plainText("id").primaryKey(),
  /** For people. */
  name: plainText("name").notNull(),
  startedAt: instant("started_at").notNull(),
  aliveAt: instant("alive_at").notNull(),
});

/** Which host has polls parked at which server. Says nothing once that server shows no life any more. */
export const parked = pgTable(
  "parked",
  {
    hostname: hostname(),
    serverId: plainText("server_id").notNull(),
    polls: integer("polls").notNull(),
    since: instant("since").notNull(),
  },
  (table) => [primaryKey({ columns: [table.hostname, table.serverId] }), index("parked_server").on(table.serverId)],
);

/** Whose certificates do not count any more, by call. */
export const revocations = pgTable("revocations", {
  /** A machine id, or an operator's Common Name. */
  subject: name<string>("subject").primaryKey(),
  revokedBefore: instant("revoked_before").notNull(),
  reason: plainText("reason").notNull(),
  revokedBy: plainText("revoked_by").notNull(),
  revokedAt: instant("revoked_at").notNull(),
});
