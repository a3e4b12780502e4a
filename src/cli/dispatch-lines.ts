import type { NewDispatch } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { UsageError } from "../config/usage-error.js";
import { DispatchError, invalid } from "../dispatch/errors.js";
import { type FieldNames, newDispatch, type WrittenFields } from "./new-dispatch.js";
import { type TextLine, textLines } from "./text-lines.js";

/** Dispatches that are sent as one. */
export interface Batch {
  readonly dispatches: readonly NewDispatch[];
  /** For each of them, the number of the line that it comes from. */
  readonly lines: readonly number[];
  /** How much of the input ends with this batch, in bytes. */
  readonly endByte: number;
}

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
 * Reads JSON lines, each an object with the fields of a dispatch in snake_case; `soak` with a duration such as `5m` may
 * stand in for `soak_due_at`, and `not_before` and `not_after` may be like `+5m`.
 *
 * @throws UsageError for the first bad line, naming its number, its field and the rule it breaks
 */
export async function* dispatchBatches(
  source: AsyncIterable<unknown>,
  { batchSize, now }: { readonly batchSize: number; readonly now: Date },
): AsyncGenerator<Batch> {
  let dispatches: NewDispatch[] = [];
  let lines: number[] = [];
  let endByte = 0;
  for await (const line of textLines(source)) {
    dispatches.push(parseLine(line, now));
    lines.push(line.number);
    endByte = line.endByte;
    if (dispatches.length < batchSize) continue;
    yield { dispatches, lines, endByte };
    dispatches = [];
    lines = [];
  }
  if (dispatches.length > 0) yield { dispatches, lines, endByte };
}

function parseLine({ number, text }: TextLine, now: Date): NewDispatch {
  try {
    return newDispatch(fieldsOf(text), names, now);
  } catch (cause) {
    if (!(cause instanceof DispatchError) && !(cause instanceof SyntaxError)) throw cause;
    const problem = cause instanceof SyntaxError ? `is not JSON: ${cause.message}` : cause.message;
    throw new UsageError(`line ${number}: ${problem}`, undefined, { cause });
  }
}

function fieldsOf(text: string): WrittenFields {
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new SyntaxError("it is no object");
  const left = new Map<string, unknown>(Object.entries(json));
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
