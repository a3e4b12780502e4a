import { create, fromJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type NewDispatch, NewDispatchSchema } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { parseDuration } from "../config/duration.js";
import { parseTargetClosure } from "../dispatch/closure.js";
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
}

/** The fields as the user wrote them. */
export type WrittenFields = { readonly [Field in keyof FieldNames]?: string | undefined };

/**
 * A dispatch to be enqueued, checked by the rules that the server has.
 *
 * @param now from where a `soak` like `5m` counts
 * @throws DispatchError `invalid_argument` naming the field, by `names`, and the rule it breaks
 */
export function newDispatch(fields: WrittenFields, names: FieldNames, now: Date): NewDispatch {
  return create(NewDispatchSchema, {
    hostname: parseHostname(fields.hostname ?? "", names.hostname),
    rolloutId: parseRolloutId(fields.rolloutId ?? "", names.rolloutId),
    targetClosure: parseTargetClosure(fields.targetClosure ?? "", names.targetClosure),
    soakDueAt: soakEnd(fields, names, now),
  });
}

function soakEnd({ soak, soakDueAt }: WrittenFields, names: FieldNames, now: Date): Timestamp {
  if (soak !== undefined && soakDueAt !== undefined) throw invalid(names.soak, `excludes ${names.soakDueAt}`);
  if (soak !== undefined) {
    return checkRange(timestampFromMs(now.getTime() + durationMs(soak, names.soak)), names.soak);
  }
  if (soakDueAt !== undefined) return checkRange(timestamp(soakDueAt, names.soakDueAt), names.soakDueAt);
  throw invalid(names.soakDueAt, `is required, or ${names.soak}`);
}

function durationMs(text: string, field: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    throw invalid(field, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function timestamp(text: string, field: string): Timestamp {
  try {
    return fromJson(TimestampSchema, text);
  } catch (cause) {
    throw invalid(field, "must be an instant by RFC 3339, such as 2026-05-16T01:30:00Z", cause);
  }
}

function checkRange(instant: Timestamp, field: string): Timestamp {
  const micros = Number(instant.seconds) * 1_000_000 + Math.floor(instant.nanos / 1_000);
  if (instantFromMicros(micros) === undefined) throw invalid(field, instantRule);
  return instant;
}
