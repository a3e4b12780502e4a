import type { NewDispatch } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { DispatchError, invalid } from "../dispatch/errors.js";
import { type FieldNames, newDispatch, type WrittenFields } from "./new-dispatch.js";

const names: FieldNames = {
  hostname: "hostname",
  rolloutId: "rollout_id",
  targetClosure: "target_closure",
  soakDueAt: "soak_due_at",
  soak: "soak",
  notBefore: "not_before",
  notAfter: "not_after",
  maxAttempts: "max_attempts",
};

/**
 * A dispatch from a line of JSON: an object with its fields in snake_case; `soak` with a duration such as `5m` may stand in for
 * `soak_due_at`, and `not_before` and `not_after` may be like `+5m`.
 *
 * @throws DispatchError `invalid_argument`: no JSON, or the field and the rule it breaks
 */
export function parseDispatchLine(text: string, now: Date): NewDispatch {
  return newDispatch(fieldsOf(text), names, now);
}

function fieldsOf(text: string): WrittenFields {
  const left = new Map<string, unknown>(Object.entries(objectIn(text)));
  const take = (name: string, type: "string" | "number" = "string"): string | undefined => {
    const value = left.get(name);
    left.delete(name);
    if (value === undefined) return undefined;
    if (typeof value === type) return String(value);
    throw invalid(name, `must be a ${type}`);
  };
  const fields = {
    hostname: take(names.hostname),
    rolloutId: take(names.rolloutId),
    targetClosure: take(names.targetClosure),
    soakDueAt: take(names.soakDueAt),
    soak: take(names.soak),
    notBefore: take(names.notBefore),
    notAfter: take(names.notAfter),
    maxAttempts: take(names.maxAttempts, "number"),
  };
  for (const name of left.keys()) throw invalid(name, `is not one of ${Object.values(names).join(", ")}`);
  return fields;
}

function objectIn(text: string): object {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new DispatchError("invalid_argument", `is not JSON: ${problem}`, { cause });
  }
  throw new DispatchError("invalid_argument", "is not JSON: it is no object");
}
