import { fromJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { parseDuration } from "../../config/duration.js";
import { BrokenRule } from "../../config/setting.js";
import { invalid } from "../../dispatch/errors.js";
import { type Instant, instantFromMicros, instantRule } from "../../dispatch/instant.js";
import { instantFromTimestamp } from "../../http/convert.js";

/**
 * An instant by RFC 3339, or how long ago it was: `2h`.
 *
 * @throws DispatchError `invalid_argument` naming `field`
 */
export function parsePastInstant(text: string, field: string, now: Date): Instant {
  const instant = /^\d+[a-z]*$/i.test(text) ? ago(text, field, now) : instantFromTimestamp(timestamp(text, field));
  if (instant === undefined || instant === "out of range") throw invalid(field, instantRule);
  return instant;
}

/** A length of time in milliseconds. @throws DispatchError `invalid_argument` naming `field` */
export function parseSpan(text: string, field: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    throw invalid(field, cause.message, cause);
  }
}

function ago(text: string, field: string, now: Date): Instant | undefined {
  return instantFromMicros((now.getTime() - parseSpan(text, field)) * 1_000);
}

function timestamp(text: string, field: string): Timestamp {
  try {
    return fromJson(TimestampSchema, text);
  } catch (cause) {
    throw invalid(
      field,
      "must be an instant by RFC 3339, such as 2026-05-16T01:30:00Z, or how long ago, such as 2h",
      cause,
    );
  }
}
