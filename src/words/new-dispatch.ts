import { create, fromJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NewDispatch, NewDispatchSchema } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { parseDuration } from "../config/duration.js";
import { BrokenRule } from "../config/setting.js";
import { parseTargetClosure } from "../dispatch/closure.js";
import { mostMaxAttempts, parseMaxAttempts } from "../dispatch/enqueue.js";
import { invalid } from "../dispatch/errors.js";
import { parseHostname } from "../dispatch/hostname.js";
import { instantFromMicros, instantRule } from "../dispatch/instant.js";
import { parseRolloutId } from "../dispatch/rollout.js";

/** What the fields of a dispatch are called where the user wrote them. */
export interface FieldNames {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  readonly soakDueAt: string;
  readonly soak: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly maxAttempts: string;
}

/** The fields as the user wrote them; numbers as their digits. */
export type WrittenFields = { readonly [Field in keyof FieldNames]?: string | undefined };

/**
 * A dispatch to be enqueued, checked by the rules that the server has.
 *
 * @param now from where a `soak` like `5m`, or a `notBefore` like `+5m`, counts
 * @throws DispatchError `invalid_argument` naming the field, by `names`, and the rule it breaks
 */
export function newDispatch(fields: WrittenFields, names: FieldNames, now: Date): NewDispatch {
  return create(NewDispatchSchema, {
    hostname: parseHostname(fields.hostname ?? "", names.hostname),
    rolloutId: parseRolloutId(fields.rolloutId ?? "", names.rolloutId),
    targetClosure: parseTargetClosure(fields.targetClosure ?? "", names.targetClosure),
    soakDueAt: soakEnd(fields, names, now),
    ...window(fields, names, now),
    ...maxAttempts(fields, names),
  });
}

function soakEnd({ soak, soakDueAt }: WrittenFields, names: FieldNames, now: Date): Timestamp {
  if (soak !== undefined && soakDueAt !== undefined) throw invalid(names.soak, `excludes ${names.soakDueAt}`);
  if (soak !== undefined) return afterNow(soak, names.soak, now);
  if (soakDueAt !== undefined) return timestamp(soakDueAt, names.soakDueAt);
  throw invalid(names.soakDueAt, `is required, or ${names.soak}`);
}

function window(fields: WrittenFields, names: FieldNames, now: Date) {
  const notBefore = instantOrOffset(fields.notBefore, names.notBefore, now);
  const notAfter = instantOrOffset(fields.notAfter, names.notAfter, now);
  if (notBefore !== undefined && notAfter !== undefined && microsOf(notAfter) <= microsOf(notBefore)) {
    throw invalid(names.notAfter, `must be later than ${names.notBefore}`);
  }
  return { ...(notBefore && { notBefore }), ...(notAfter && { notAfter }) };
}

function maxAttempts({ maxAttempts: text }: WrittenFields, { maxAttempts: field }: FieldNames) {
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text)) throw invalid(field, `must be a whole number from 1 to ${mostMaxAttempts}, is ${text}`);
  return { maxAttempts: parseMaxAttempts(Number(text), field) };
}

/** An instant by RFC 3339, or `+5m` for five minutes from now. */
function instantOrOffset(text: string | undefined, field: string, now: Date): Timestamp | undefined {
  if (text === undefined) return undefined;
  return text.startsWith("+") ? afterNow(text.slice(1), field, now) : timestamp(text, field, ", or +DURATION");
}

function afterNow(duration: string, field: string, now: Date): Timestamp {
  try {
    return checkRange(timestampFromMs(now.getTime() + parseDuration(duration)), field);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    throw invalid(field, cause.message, cause);
  }
}

function timestamp(text: string, field: string, orElse = ""): Timestamp {
  let parsed: Timestamp;
  try {
    parsed = fromJson(TimestampSchema, text);
  } catch (cause) {
    throw invalid(field, `must be an instant by RFC 3339, such as 2026-05-16T01:30:00Z${orElse}`, cause);
  }
  return checkRange(parsed, field);
}

function checkRange(instant: Timestamp, field: string): Timestamp {
  if (instantFromMicros(microsOf(instant)) === undefined) throw invalid(field, instantRule);
  return instant;
}

/** Digits finer than a microsecond are dropped, as the server does. */
function microsOf({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000);
}
