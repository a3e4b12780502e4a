import type { Event } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { oneLine } from "./one-line.js";
import { type KnownEvent, knownEvent } from "./record.js";

/** An event among those of all dispatches. */
export interface FleetEvent extends KnownEvent {
  readonly hostname: string;
  readonly rolloutId: string;
}

export function fleetEvent(event: Event): FleetEvent {
  return { ...knownEvent(event), hostname: oneLine(event.hostname), rolloutId: oneLine(event.rolloutId) };
}
