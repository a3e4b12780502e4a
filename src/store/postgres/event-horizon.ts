import type { Database } from "./database.js";

/**
 * Up to which event the history is complete.
 *
 * Ids are handed out before a commit, so a smaller one may become visible after a larger one, and who had read on would never
 * see it. So every transaction, before its first id is handed out, takes a shared advisory lock that is named after the id
 * handed out last: its own are larger. It holds the lock to its end. Whoever reads looks first which id was handed out last,
 * then which of these locks are held, and only then at the events: all up to the smallest of these are there for good, or never
 * will be.
 *
 * The locks exclude nobody, so writers do not wait for each other; see docs/decisions for what the alternatives cost.
 */
const keySpace = 0x6e66n << 47n;

/** Part of each statement that writes events: these are to come out of a join with it, so that it is done first. */
export const guard = `guard AS MATERIALIZED (
  SELECT pg_advisory_xact_lock_shared(${keySpace} + last_value) FROM events_id_seq
)`;

const lastIdText = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM events_id_seq";

const oldestWriterText = `
SELECT min((classid::bigint << 32 | objid::bigint) - ${keySpace}) AS oldest
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint >= ${keySpace >> 32n} AND classid::bigint < ${(keySpace >> 32n) + (1n << 15n)}`;

/** The larger ids are not to be shown yet. The next statement sees all events up to it. */
export async function eventHorizon(database: Database): Promise<number> {
  const [handedOut] = await database.query<{ last: number }>({ name: "last-event-id", text: lastIdText });
  const [writers] = await database.query<{ oldest: number | null }>({ name: "oldest-writer", text: oldestWriterText });
  return Math.min(handedOut?.last ?? 0, writers?.oldest ?? Number.MAX_SAFE_INTEGER);
}
