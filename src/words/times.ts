import { create, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Instant, instantToMs } from "../dispatch/instant.js";
import { timestampFromInstant } from "../http/convert.js";
import { formatElapsed } from "./elapsed.js";

/** How instants are written. Each way names its distance from UTC, so that two lines of different places compare. */
export interface TimeStyle {
  /** Among words: to the second. */
  readonly plain: (instant: Instant) => string;
  /** In a timeline: to the millisecond. */
  readonly fine: (instant: Instant) => string;
}

/** By the clock on the wall where the command runs: `2026-05-16 03:27:00.123+02:00`. */
export const localTime: TimeStyle = {
  plain: (instant) => inZone(instant, offsetMinutes(instant), "seconds"),
  fine: (instant) => inZone(instant, offsetMinutes(instant), "milliseconds"),
};

/** `2026-05-16 01:27:00.123Z`. */
export const utcTime: TimeStyle = {
  plain: (instant) => inZone(instant, 0, "seconds"),
  fine: (instant) => inZone(instant, 0, "milliseconds"),
};

/** RFC 3339 in UTC, with 0, 3 or 6 fractional digits: nothing is lost. */
export function rfc3339(instant: Instant): string {
  return toJson(TimestampSchema, create(TimestampSchema, timestampFromInstant(instant)));
}

export const exactTime: TimeStyle = { plain: rfc3339, fine: rfc3339 };

/** `… (3 m ago)`. */
export function whenFrom(now: Instant, time: TimeStyle): (instant: Instant) => string {
  return (instant) => `${time.plain(instant)} (${formatElapsed(dateOf(instant), dateOf(now))})`;
}

export function dateOf(instant: Instant): Date {
  return new Date(instantToMs(instant));
}

/** East of UTC, in minutes, as it was at that instant. */
function offsetMinutes(instant: Instant): number {
  return -dateOf(instant).getTimezoneOffset();
}

function inZone(instant: Instant, eastMinutes: number, upTo: "seconds" | "milliseconds"): string {
  const shifted = new Date(Math.floor(instantToMs(instant)) + eastMinutes * 60_000).toISOString();
  const digits = upTo === "seconds" ? 19 : 23;
  return `${shifted.slice(0, digits).replace("T", " ")}${zone(eastMinutes)}`;
}

function zone(eastMinutes: number): string {
  if (eastMinutes === 0) return "Z";
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const minutes = Math.abs(eastMinutes);
  return `${eastMinutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}
