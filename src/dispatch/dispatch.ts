import type { TargetClosure } from "./closure.js";
import type { Hostname } from "./hostname.js";
import type { Instant } from "./instant.js";
import type { RolloutId } from "./rollout.js";

/** What a producer gives: the rest is the server's to say. */
export interface NewDispatch {
  readonly hostname: Hostname;
  readonly rolloutId: RolloutId;
  readonly targetClosure: TargetClosure;
  readonly soakDueAt: Instant;
}

/** The decision "host H shall activate closure C for rollout R", as it waits in the queue. */
export interface Dispatch extends NewDispatch {
  readonly enqueuedAt: Instant;
}

/**
 * Where a dispatch stands. A row is the present state of one (hostname, rollout):
 *
 * ```
 *  (none) ── enqueue ──▶ pending ── take ──▶ delivered
 *                          ▲  ▲                 │  │
 *                          │  └── give back ────┘  │   the answer provably did not leave
 *                          └──────── enqueue ──────┘   a newer decision replaces the old one
 * ```
 */
export type DispatchState = "pending" | "delivered";

/** Whether something was still waiting under the same (hostname, rollout). */
export type EnqueueOutcome = "created" | "replaced";

export interface EnqueueResult {
  readonly hostname: Hostname;
  readonly rolloutId: RolloutId;
  readonly outcome: EnqueueOutcome;
}

/** A dispatch that was taken, with what it needs to be given back. */
export interface Taken {
  readonly dispatch: Dispatch;
  readonly take: TakeKey;
}

/** One take of one enqueue. Does not match any more once a newer enqueue replaced the row or somebody took it again. */
export interface TakeKey {
  readonly hostname: Hostname;
  readonly rolloutId: RolloutId;
  /** Grows with each enqueue, of whatever dispatch. */
  readonly sequence: number;
  /** How often this enqueue has been taken, this time included: 1, 2, … */
  readonly attempt: number;
}
