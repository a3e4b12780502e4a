import type { Told } from "./history.js";

interface Way {
  readonly from: readonly string[];
  /** Default: it stays where it is. */
  readonly to?: string;
  /** How the number of attempts goes on. */
  readonly attempt: "none" | "same" | "next";
}

const done = ["acknowledged", "rejected", "cancelled", "superseded", "expired", "dead"];
const out = ["leased", "delivered"];

/** The life of a dispatch as its events tell it, from the diagram of the design and not from the rules of the server. */
const ways: Readonly<Record<string, Way>> = {
  enqueued: { from: ["nowhere", "delivered", ...done], to: "pending", attempt: "none" },
  replaced: { from: ["pending", "leased"], to: "pending", attempt: "none" },
  delivered: { from: ["pending"], to: "delivered", attempt: "next" },
  leased: { from: ["pending"], to: "leased", attempt: "next" },
  confirmed: { from: ["leased"], to: "delivered", attempt: "same" },
  extended: { from: out, to: "leased", attempt: "same" },
  acknowledged: { from: out, to: "acknowledged", attempt: "same" },
  rejected: { from: out, to: "rejected", attempt: "same" },
  lease_expired: { from: ["leased"], to: "pending", attempt: "same" },
  returned: { from: out, to: "pending", attempt: "same" },
  dead: { from: out, to: "dead", attempt: "same" },
  cancelled: { from: ["pending", "leased"], to: "cancelled", attempt: "same" },
  superseded: { from: ["pending"], to: "superseded", attempt: "same" },
  expired: { from: ["pending"], to: "expired", attempt: "same" },
};

export interface Place {
  readonly state: string;
  readonly attempt: number;
}

/** @returns where the events of one dispatch lead, or what is impossible about them */
export function replay(events: readonly Told[]): Place | Error {
  let place: Place = { state: "nowhere", attempt: 0 };
  for (const event of events) {
    // Of an answer, not of the dispatch; and written a little later, when that may be elsewhere.
    if (event.kind === "flushed") continue;
    const next = step(place, event);
    if (next === undefined) return new Error(`${event.kind} ${event.attempt} after ${place.state} ${place.attempt}`);
    place = next;
  }
  return place;
}

function step({ state, attempt }: Place, event: Told): Place | undefined {
  const way = ways[event.kind];
  if (way === undefined || !way.from.includes(state)) return undefined;
  const expected = { none: 0, same: attempt, next: attempt + 1 }[way.attempt];
  return event.attempt === expected ? { state: way.to ?? state, attempt: event.attempt } : undefined;
}
