import type { Proof } from "../dispatch/delivery.js";
import type { Instant } from "../dispatch/instant.js";
import type { Origin, Wire } from "../dispatch/origin.js";
import type { Leaving } from "../dispatch/poll.js";
import type { KnownIdentity } from "../identity/identity.js";

/** One call of one RPC, whichever wire it came by. What the services know of the network, and all they know. */
export interface Call {
  readonly requestId: string;
  readonly wire: Wire;
  /** Who calls, for the history. */
  readonly origin: Origin;
  /** The `User-Agent` header; empty if there was none. */
  readonly userAgent: string;
  readonly identity: KnownIdentity;
  /** How long the caller's certificate is still valid, in milliseconds. */
  readonly certificateLeftMs: number;
  readonly certificateNotAfter: Instant | null;
  /** Aborts once an answer would reach nobody: the connection has gone, or the caller's own deadline has passed. */
  readonly signal: AbortSignal;
  /** The same, for those of whom there are many. */
  readonly leaving: Leaving;
  /** @throws DispatchError `unauthenticated` if the caller's certificate does not hold any more */
  assertAllowed(): void;
  /** From now on the follower is told what becomes of this call's answer. */
  follow(follower: AnswerFollower): void;
  /** Adds to the line that this request gets in the log. */
  note(fields: Readonly<Record<string, string | number>>): void;
}

/**
 * Wants to know what becomes of an answer. It hears `lost`, or `flushed` and then perhaps, once, `received`; who has no `received`
 * costs its connection no proof.
 */
export interface AnswerFollower {
  /** The answer provably did not leave: its connection closed before it was flushed. */
  lost(): void;
  /** It has been handed to the operating system whole, which proves no receipt. */
  flushed(): void;
  readonly received?: ((proof: Proof) => void) | undefined;
}
