import type { TargetClosure } from "./closure.js";
import type { Hostname } from "./hostname.js";
import type { Instant, Steady } from "./instant.js";
import type { LeaseToken } from "./lease.js";
import type { RolloutId } from "./rollout.js";

/** Names one dispatch. */
export interface DispatchKey {
  readonly hostname: Hostname;
  readonly rolloutId: RolloutId;
}

/** What a producer gives: the rest is the server's to say. */
export interface NewDispatch extends DispatchKey {
  readonly targetClosure: TargetClosure;
  readonly soakDueAt: Instant;
  /** Not handed out before; `null`: at once. */
  readonly notBefore: Instant | null;
  /** Expires if it still waits then; `null`: never. */
  readonly notAfter: Instant | null;
  /** How often it is handed out before it is given up. */
  readonly maxAttempts: number;
}

/** The decision "host H shall activate closure C for rollout R", as an agent gets it. */
export interface Dispatch extends DispatchKey {
  readonly targetClosure: TargetClosure;
  readonly soakDueAt: Instant;
  readonly enqueuedAt: Instant;
}

/** In the order in which a dispatch goes through them; `life.ts` has every way from one to another. */
export const dispatchStates = [
  "pending",
  "leased",
  "delivered",
  "acknowledged",
  "rejected",
  "cancelled",
  "superseded",
  "expired",
  "dead",
] as const;

export type DispatchState = (typeof dispatchStates)[number];

/** The states that pruning never touches. */
export const liveStates = ["pending", "leased"] as const satisfies readonly DispatchState[];

/** The present state of one (hostname, rollout). Stores keep it as it is; only `life.ts` says what comes next. */
export interface DispatchRow extends NewDispatch {
  readonly enqueuedAt: Instant;
  /** Grows with each enqueue, of whatever dispatch: orders rows of one instant, and tells a newer enqueue from an older. */
  readonly sequence: number;
  readonly state: DispatchState;
  /** How often this enqueue has been handed out. */
  readonly attempt: number;
  /** Of the last attempt; `null` if that had no lease, or one that only waits for proof of receipt. */
  readonly leaseToken: LeaseToken | null;
  /** When the lease runs out; set while, and only while, the state is leased. */
  readonly leaseEndsAt: Steady | null;
  /** The same for people, by the wall clock as it was when the lease began. */
  readonly leaseExpiresAt: Instant | null;
  /** What the agent gave with its rejection. */
  readonly reason: string | null;
  /** When it entered its state. */
  readonly changedAt: Instant;
}

/** `kept`: a lease on the same closure goes on. */
export type EnqueueOutcome = "created" | "replaced" | "kept";

export interface EnqueueResult extends DispatchKey {
  readonly outcome: EnqueueOutcome;
  /** How many older dispatches it superseded. */
  readonly superseded: number;
}

/** A dispatch that was taken, with what it needs to be given back or confirmed. */
export interface Taken {
  readonly dispatch: Dispatch;
  readonly take: TakeKey;
  /** Only if the poll asked for one. */
  readonly lease: Lease | undefined;
  /** The number of the event that says so, where the store knows it by then. */
  readonly eventId?: number | undefined;
  /** When the parked poll that it goes to was kicked, by the monotonic clock; absent for a poll that found it by itself. */
  readonly kickedAtMs?: number;
}

export interface Lease {
  readonly token: LeaseToken;
  readonly expiresAt: Instant;
  readonly attempt: number;
}

/** One take of one enqueue. Does not match any more once a newer enqueue replaced the row or somebody took it again. */
export interface TakeKey extends DispatchKey {
  readonly sequence: number;
  /** How often this enqueue has been handed out, this time included: 1, 2, … */
  readonly attempt: number;
}
