import { formatSpan } from "./elapsed.js";
import { who } from "./event-text.js";
import type { KnownEvent } from "./record.js";

/** `attempt 2, by web-01 at 10.0.0.7 over http, parked for 3.2 s: disk full`. */
export function eventDetails(event: KnownEvent): string {
  const { attempt, parkedMs, detail } = event;
  const facts = [
    ...(attempt === 0 ? [] : [`attempt ${attempt}`]),
    `by ${who(event)}`,
    ...(parkedMs === null ? [] : [`its poll had been parked for ${formatSpan(parkedMs)}`]),
  ].join(", ");
  return detail === "" ? facts : `${facts}: ${detail}`;
}
