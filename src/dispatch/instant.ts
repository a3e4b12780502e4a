import type { Branded } from "./brand.js";

/**
 * A point in time: whole microseconds since 1970-01-01T00:00:00Z. A number holds them exactly until the year 2255, so
 * instants from outside are taken until the end of 2199 only.
 */
export type Instant = Branded<number, "Instant">;

const lastMicros = Date.UTC(2200, 0, 1) * 1_000 - 1;

/** What `parseInstant` demands, in the words that a caller gets to read. */
export const instantRule = "must be an instant from 1970-01-01T00:00:00Z to the end of 2199";

/** `undefined` for what lies outside the range that `instantRule` names. */
export function instantFromMicros(micros: number): Instant | undefined {
  return Number.isSafeInteger(micros) && micros >= 0 && micros <= lastMicros ? (micros as Instant) : undefined;
}

/** From milliseconds as `Date.now()` gives them; a clock outside 1970 to 2199 is not one to work with. */
export function instantFromMs(ms: number): Instant {
  const instant = instantFromMicros(Math.floor(ms * 1_000));
  if (instant === undefined) throw new RangeError(`the clock says ${ms} ms, which is outside 1970 to 2199`);
  return instant;
}

/**
 * Microseconds on a clock that only ever goes forward at the pace of time, however often the wall clock is set. What has
 * a length (a lease) is measured by it; what names a day (`not_before`, `enqueued_at`) by the wall clock.
 */
export type Steady = Branded<number, "Steady">;

/** One reading of both clocks of a store. */
export interface Moment {
  readonly now: Instant;
  readonly steady: Steady;
}

export function instantToMs(instant: Instant): number {
  return instant / 1_000;
}
