import type { Instant } from "../dispatch/instant.js";
import type { KnownDispatch, KnownEvent, KnownHost } from "./record.js";
import type { TimeStyle } from "./times.js";

/** Why a host has not got a dispatch, or that it has. Scripts rely on these words: their meanings never change. */
export const reasons = [
  /** Nothing was ever enqueued, or it is done for so long that it is pruned. */
  "never_enqueued",
  /** Its `not_before` has not come. */
  "not_before",
  /** It waits, and certificates of the host that were issued before an instant are refused. */
  "revoked",
  /** It waits, and the host has never polled. */
  "never_polled",
  /** It waits, and the certificate with which the host polled last has expired. */
  "certificate_expired",
  /** It waits, and the host has not polled for longer than a poll takes. */
  "not_polling",
  /** It waits, and the host polled a moment ago, but has no poll parked at the server that was asked. */
  "between_polls",
  /** It waits although a poll of the host is parked: it should be handed out at once. */
  "parked",
  /** It waits, and nothing is known of the host. */
  "waiting",
  /** The host has it under a lease. */
  "leased",
  /** Its lease has run out, or its receipt was not proven in time, and it is about to wait again. */
  "lease_ran_out",
  /** It was handed out, and its receipt may still be proven. */
  "awaiting_proof",
  /** It was handed out, and its receipt was proven. */
  "delivered_confirmed",
  /** It was handed out without a lease, and nothing proves its receipt. */
  "delivered_unproven",
  "acknowledged",
  "rejected",
  "cancelled",
  "superseded",
  /** Its `not_after` passed while it was waiting. */
  "expired",
  /** Its attempts are used up. */
  "dead",
  /** The server knows a state that this program does not. */
  "unknown_state",
] as const;

export type Reason = (typeof reasons)[number];

/** All that the explanation rests on. */
export interface Facts {
  readonly hostname: string;
  /** `null` if none was asked for. */
  readonly rolloutId: string | null;
  /** `null` if there is none. */
  readonly dispatch: KnownDispatch | null;
  /** Its own, in any order. */
  readonly events: readonly KnownEvent[];
  /** `null` if nobody could tell. */
  readonly host: KnownHost | null;
  /** Of the same host. */
  readonly others: readonly KnownDispatch[];
}

export interface Explanation {
  readonly reason: Reason;
  /** One sentence, with a full stop. */
  readonly sentence: string;
  /** What can be done about it; `null` where nothing has to be. */
  readonly hint: string | null;
  /** What the sentence rests on, a line each. */
  readonly evidence: readonly string[];
}

/** The sentence and what goes with it. */
export type Answer = Omit<Explanation, "evidence">;

export interface Telling {
  readonly now: Instant;
  readonly time: TimeStyle;
}

/** An instant and its distance from now: `2026-05-16 01:27:00Z (3 m ago)`. */
export type When = (instant: Instant) => string;
