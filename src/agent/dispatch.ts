/**
 * A dispatch as an agent gets it, the same over both wires.
 *
 * The instants are text and not `Date`, because a `Date` ends at milliseconds and a dispatch keeps microseconds; what was
 * sent can so be passed on, compared and logged without loss. They are checked when they arrive: `new Date(soakDueAt)`
 * is never an invalid date.
 */
export interface Dispatch {
  readonly hostname: string;
  /** `<channel>@<ref>` */
  readonly rolloutId: string;
  /** `/nix/store/<name>`; advisory, check it against a signed manifest before acting on it. */
  readonly targetClosure: string;
  /** RFC 3339 in UTC with `Z` and 0, 3, 6 or 9 fractional digits. */
  readonly soakDueAt: string;
  /** When the server took it into its queue; written like `soakDueAt`. */
  readonly enqueuedAt: string;
}

/** The five fields by the names that they have in JSON on the wire. */
export interface DispatchJson {
  readonly hostname: string;
  readonly rollout_id: string;
  readonly target_closure: string;
  readonly soak_due_at: string;
  readonly enqueued_at: string;
}

export function dispatchToJson(dispatch: Dispatch): DispatchJson {
  return {
    hostname: dispatch.hostname,
    rollout_id: dispatch.rolloutId,
    target_closure: dispatch.targetClosure,
    soak_due_at: dispatch.soakDueAt,
    enqueued_at: dispatch.enqueuedAt,
  };
}

const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(?:\d{3}|\d{6}|\d{9}))?Z$/;

/**
 * Strict about the five names and their types; ignores fields that it does not know.
 *
 * @throws TypeError naming the field and what is wrong with it
 */
export function dispatchFromJson(json: unknown): Dispatch {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new TypeError("it is no JSON object");
  const fields = new Map<string, unknown>(Object.entries(json));
  return {
    hostname: text(fields, "hostname"),
    rolloutId: text(fields, "rollout_id"),
    targetClosure: text(fields, "target_closure"),
    soakDueAt: instant(fields, "soak_due_at"),
    enqueuedAt: instant(fields, "enqueued_at"),
  };
}

function text(fields: ReadonlyMap<string, unknown>, name: keyof DispatchJson): string {
  const value = fields.get(name);
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(value === undefined ? `${name} is missing` : `${name} is not a non-empty string`);
}

function instant(fields: ReadonlyMap<string, unknown>, name: keyof DispatchJson): string {
  const value = text(fields, name);
  if (instantPattern.test(value) && !Number.isNaN(Date.parse(value))) return value;
  throw new TypeError(`${name} is not an RFC 3339 instant in UTC`);
}
