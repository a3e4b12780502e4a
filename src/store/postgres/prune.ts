import { dispatchStates, liveStates } from "../../dispatch/dispatch.js";
import type { Instant } from "../../dispatch/instant.js";
import type { Session } from "./database.js";
import { textFromInstant } from "./instant-text.js";

const doneStates = dispatchStates.filter((state) => !liveStates.some((live) => live === state));

/** State by state, since that is how the index of what is done begins. */
const dispatchesText = `
DELETE FROM dispatches WHERE (hostname, rollout_id) IN (
  SELECT d.hostname, d.rollout_id
  FROM unnest($3::text[]) AS s (state)
  CROSS JOIN LATERAL (
    SELECT hostname, rollout_id FROM dispatches
    WHERE state NOT IN ('pending', 'leased') AND state = s.state AND changed_at < $1::timestamptz
    ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED
  ) AS d
  LIMIT $2
)`;

/** By id, which grows with time as long as nobody sets the clock: what an index by instant would cost each event is not worth it. */
const eventsText = `
DELETE FROM events WHERE id IN (
  SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT $2) AS oldest WHERE at < $1::timestamptz
)`;

const hostsText = `
DELETE FROM hosts WHERE hostname IN (
  SELECT hostname FROM hosts WHERE last_seen_at < $1::timestamptz LIMIT $2 FOR UPDATE SKIP LOCKED
)`;

/** @returns how many rows it removed */
export async function prune(session: Session, before: Instant, limit: number): Promise<number> {
  const values = [textFromInstant(before), limit];
  const removals = [
    { name: "prune-dispatches", text: dispatchesText, values: [...values, doneStates] },
    { name: "prune-events", text: eventsText, values },
    { name: "prune-hosts", text: hostsText, values },
  ];
  let removed = 0;
  for (const removal of removals) removed += (await session.query(removal)).rowCount ?? 0;
  return removed;
}
