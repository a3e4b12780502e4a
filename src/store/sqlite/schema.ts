import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * One row per (hostname, rollout_id): its present state. Instants are microseconds since 1970.
 *
 * After a change here, `npm run migration` writes the next file in migrations/; one that has landed is never edited.
 */
export const dispatches = sqliteTable(
  "dispatches",
  {
    hostname: text("hostname").notNull(),
    rolloutId: text("rollout_id").notNull(),
    targetClosure: text("target_closure").notNull(),
    soakDueAt: integer("soak_due_at").notNull(),
    enqueuedAt: integer("enqueued_at").notNull(),
    /** Grows with each enqueue of whatever row: orders rows of one instant, and tells a newer enqueue from an older. */
    sequence: integer("sequence").notNull(),
    state: text("state", { enum: ["pending", "delivered"] }).notNull(),
    /** How often the present enqueue has been taken. */
    attempt: integer("attempt").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.hostname, table.rolloutId] }),
    // What a take looks up, and nothing else: rows that are done cost it nothing, however many they are.
    index("dispatches_pending").on(table.hostname, table.enqueuedAt, table.sequence).where(sql`state = 'pending'`),
  ],
);
