import type { Instant } from "../../dispatch/instant.js";
import type { FleetEvent } from "../../words/fleet-event.js";
import type { KnownDispatch } from "../../words/record.js";

/** What an event makes of a dispatch. */
export interface AfterEvent {
  readonly dispatch: KnownDispatch;
  /** Whether the server knows more of it than the event tells: the closure of an enqueue, the end of a lease. */
  readonly isIncomplete: boolean;
}

/**
 * The dispatch that an event leaves behind: what `GetDispatch` would say, as far as the event tells it.
 *
 * @param before undefined if nothing was known of it
 */
export function afterEvent(before: KnownDispatch | undefined, event: FleetEvent): AfterEvent {
  const known = before ?? unknownDispatch(event);
  const base = { ...known, changedAt: event.at, attempt: event.attempt };
  const of = (changes: Partial<KnownDispatch>, isIncomplete = false): AfterEvent => ({
    dispatch: { ...base, ...changes },
    isIncomplete: isIncomplete || before === undefined,
  });
  switch (event.kind) {
    case "enqueued":
    case "replaced": {
      const anew = { enqueuedAt: event.at, reason: null, leaseExpiresAt: null, notBefore: null, notAfter: null };
      return of({ ...anew, state: "pending" }, true);
    }
    case "leased":
      return of({ state: "leased", leaseExpiresAt: null }, true);
    case "extended":
      return of({ changedAt: known.changedAt, leaseExpiresAt: null }, true);
    case "delivered":
    case "confirmed":
      return of({ state: "delivered", leaseExpiresAt: null });
    case "lease_expired":
    case "returned":
      return of({ state: "pending", leaseExpiresAt: null });
    case "rejected":
      return of({ state: "rejected", leaseExpiresAt: null, reason: event.detail === "" ? null : event.detail });
    case "acknowledged":
    case "superseded":
    case "cancelled":
    case "expired":
    case "dead":
      return of({ state: event.kind, leaseExpiresAt: null });
    case "flushed":
    case "unknown":
      return { dispatch: known, isIncomplete: before === undefined };
    default:
      return event.kind satisfies never;
  }
}

/** Until the server has been asked. */
function unknownDispatch({ hostname, rolloutId, at, attempt }: FleetEvent): KnownDispatch {
  const nothing = { notBefore: null, notAfter: null, leaseExpiresAt: null, reason: null };
  const instants: Record<"soakDueAt" | "enqueuedAt" | "changedAt", Instant> = {
    soakDueAt: at,
    enqueuedAt: at,
    changedAt: at,
  };
  return { hostname, rolloutId, targetClosure: "", state: "unknown", attempt, maxAttempts: 0, ...instants, ...nothing };
}
