import { parseTargetClosure } from "./closure.js";
import type { NewDispatch } from "./dispatch.js";
import { invalid } from "./errors.js";
import { parseHostname } from "./hostname.js";
import { type Instant, instantRule } from "./instant.js";
import { parseRolloutId } from "./rollout.js";

/** The most dispatches that one enqueue carries. */
export const maxDispatchesPerEnqueue = 10_000;

/** How often a dispatch is handed out before it is dead, unless its producer says otherwise. */
export const defaultMaxAttempts = 10;

/** The most that a producer can ask for. */
export const mostMaxAttempts = 1_000;

/** `undefined` if it was not given, `"out of range"` if it was, but lies outside what an `Instant` can be. */
export type RawInstant = Instant | "out of range" | undefined;

/** A dispatch as it came from outside. */
export interface RawDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  readonly soakDueAt: RawInstant;
  readonly notBefore?: RawInstant;
  readonly notAfter?: RawInstant;
  readonly maxAttempts?: number | undefined;
}

/**
 * @param path what stands before the field's name in an error, for example `dispatches[3].`
 * @throws DispatchError `invalid_argument`
 */
export function parseNewDispatch(raw: RawDispatch, path: string): NewDispatch {
  return {
    hostname: parseHostname(raw.hostname, `${path}hostname`),
    rolloutId: parseRolloutId(raw.rolloutId, `${path}rollout_id`),
    targetClosure: parseTargetClosure(raw.targetClosure, `${path}target_closure`),
    soakDueAt: parseRequired(raw.soakDueAt, `${path}soak_due_at`),
    ...parseWindow(raw, path),
    maxAttempts: parseMaxAttempts(raw.maxAttempts, `${path}max_attempts`),
  };
}

function parseRequired(value: RawInstant, field: string): Instant {
  const instant = parseOptional(value, field);
  if (instant === null) throw invalid(field, "is required");
  return instant;
}

function parseOptional(value: RawInstant, field: string): Instant | null {
  if (value === "out of range") throw invalid(field, instantRule);
  return value ?? null;
}

function parseWindow(raw: RawDispatch, path: string): Pick<NewDispatch, "notBefore" | "notAfter"> {
  const notBefore = parseOptional(raw.notBefore, `${path}not_before`);
  const notAfter = parseOptional(raw.notAfter, `${path}not_after`);
  if (notBefore !== null && notAfter !== null && notAfter <= notBefore) {
    throw invalid(`${path}not_after`, "must be later than not_before");
  }
  return { notBefore, notAfter };
}

/** @throws DispatchError `invalid_argument` that names `field` and the rule */
export function parseMaxAttempts(value: number | undefined, field: string): number {
  if (value === undefined) return defaultMaxAttempts;
  if (Number.isInteger(value) && value >= 1 && value <= mostMaxAttempts) return value;
  throw invalid(field, `must be 1 to ${mostMaxAttempts}, is ${value}`);
}

/** @throws DispatchError `invalid_argument` for the first field that breaks a rule */
export function parseNewDispatches(raws: readonly RawDispatch[]): NewDispatch[] {
  if (raws.length === 0) throw invalid("dispatches", `must have 1 to ${maxDispatchesPerEnqueue} items, has none`);
  if (raws.length > maxDispatchesPerEnqueue) {
    throw invalid("dispatches", `must have 1 to ${maxDispatchesPerEnqueue} items, has ${raws.length}`);
  }
  return raws.map(parseItem);
}

/** Where it stands is put into words only for an error: six names for each of 10,000 are a tenth of what they cost to read. */
function parseItem(raw: RawDispatch, i: number): NewDispatch {
  try {
    return parseNewDispatch(raw, "");
  } catch {
    return parseNewDispatch(raw, `dispatches[${i}].`);
  }
}
