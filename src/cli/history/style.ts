import type { KnownDispatch, KnownEvent } from "../../words/record.js";
import type { Io } from "../io.js";
import { paint } from "../output.js";

type Colour = "green" | "red" | "yellow" | "cyan";

const colourOfState = {
  pending: "cyan",
  leased: "cyan",
  delivered: "green",
  acknowledged: "green",
  rejected: "red",
  cancelled: "yellow",
  superseded: "yellow",
  expired: "yellow",
  dead: "red",
  unknown: "yellow",
} as const satisfies Record<KnownDispatch["state"], Colour>;

/** The word for a state, in its colour where there are colours. */
export function paintState(io: Io, state: KnownDispatch["state"]): string {
  return paint(io, io.stdout, colourOfState[state], state);
}

const colourOfKind = {
  enqueued: null,
  replaced: null,
  superseded: "yellow",
  delivered: null,
  leased: null,
  flushed: null,
  confirmed: "green",
  extended: null,
  acknowledged: "green",
  rejected: "red",
  lease_expired: "yellow",
  returned: "yellow",
  cancelled: "yellow",
  expired: "yellow",
  dead: "red",
  unknown: "yellow",
} as const satisfies Record<KnownEvent["kind"], Colour | null>;

/** A line about an event, in the colour of what it means for the dispatch. */
export function paintKind(io: Io, kind: KnownEvent["kind"], text: string): string {
  const colour = colourOfKind[kind];
  return colour === null ? text : paint(io, io.stdout, colour, text);
}
