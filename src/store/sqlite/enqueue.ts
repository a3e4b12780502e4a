import type { EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { Instant } from "../../dispatch/instant.js";
import type { Statements } from "./statements.js";

/** Runs inside the caller's transaction. */
export function enqueue(
  statements: Statements,
  { hostname, rolloutId, targetClosure, soakDueAt }: NewDispatch,
  enqueuedAt: Instant,
  sequence: number,
): EnqueueResult {
  const wasPending = statements.isPending.get({ hostname, rolloutId }) !== undefined;
  statements.upsert.run({ hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence });
  return { hostname, rolloutId, outcome: wasPending ? "replaced" : "created" };
}
