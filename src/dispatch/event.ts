import type { DispatchKey, DispatchRow } from "./dispatch.js";
import type { Instant } from "./instant.js";
import type { Origin } from "./origin.js";

export const eventKinds = [
  "enqueued",
  "replaced",
  "superseded",
  "delivered",
  "leased",
  "flushed",
  "confirmed",
  "extended",
  "acknowledged",
  "rejected",
  "lease_expired",
  "returned",
  "cancelled",
  "expired",
  "dead",
] as const;

/** What happened to a dispatch. Each but `flushed` and `extended` is a change of state. */
export type EventKind = (typeof eventKinds)[number];

/** One line of history, before the store has numbered it. */
export interface NewEvent extends DispatchKey, Origin {
  readonly at: Instant;
  readonly kind: EventKind;
  /** How often the dispatch had been handed out then. */
  readonly attempt: number;
  /** What else there is to say; empty for most. */
  readonly detail: string;
  /** For a hand-out: how long the poll had been waiting; `null` if it found the dispatch at once. */
  readonly parkedMs: number | null;
}

/** A line of history that changes no state. */
export interface Note extends NewEvent {
  /** The number of the change that it belongs to, where that is known. Spares the store a look-up. */
  readonly changeId?: number | undefined;
}

export interface DispatchEvent extends NewEvent {
  /** Grows from event to event, over all dispatches. */
  readonly id: number;
}

/** The event that goes with a row's new state. */
export function eventOf(
  row: Pick<DispatchRow, "hostname" | "rolloutId" | "attempt" | "changedAt">,
  kind: EventKind,
  { actor, address, wire }: Origin,
  more: { readonly detail?: string; readonly parkedMs?: number | null } = {},
): NewEvent {
  return {
    at: row.changedAt,
    hostname: row.hostname,
    rolloutId: row.rolloutId,
    kind,
    attempt: row.attempt,
    actor,
    address,
    wire,
    detail: more.detail ?? "",
    parkedMs: more.parkedMs ?? null,
  };
}
