import type { Instant, Moment, Steady } from "../../dispatch/instant.js";

/** When the next thing of each kind falls due; `null` if there is none. */
export interface NextDue extends Moment {
  readonly lease_end: Steady | null;
  readonly begin: Instant | null;
  readonly expiry: Instant | null;
}

/** In how many milliseconds the first of them does; `undefined` if nothing ever will. */
export function nextDueInMs({ now, steady, lease_end, begin, expiry }: NextDue): number | undefined {
  const inMicros = [until(lease_end, steady), until(begin, now), until(expiry, now)].filter(
    (micros) => micros !== undefined,
  );
  // Rounded up: a timer that fires too early finds nothing and has to be set again.
  return inMicros.length === 0 ? undefined : Math.ceil(Math.max(0, Math.min(...inMicros)) / 1_000);
}

function until(at: number | null, now: number): number | undefined {
  return at === null ? undefined : at - now;
}
