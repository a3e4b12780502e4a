import type { TargetClosure } from "../../dispatch/closure.js";
import type { Taken } from "../../dispatch/dispatch.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant } from "../../dispatch/instant.js";
import type { RolloutId } from "../../dispatch/rollout.js";
import type { dispatches } from "./schema.js";

/** What this program wrote it also trusts: the brands were checked on the way in, and the file is ours alone. */
export function takenFromRow(row: typeof dispatches.$inferSelect): Taken {
  const hostname = row.hostname as Hostname;
  const rolloutId = row.rolloutId as RolloutId;
  return {
    dispatch: {
      hostname,
      rolloutId,
      targetClosure: row.targetClosure as TargetClosure,
      soakDueAt: row.soakDueAt as Instant,
      enqueuedAt: row.enqueuedAt as Instant,
    },
    take: { hostname, rolloutId, sequence: row.sequence, attempt: row.attempt },
  };
}
