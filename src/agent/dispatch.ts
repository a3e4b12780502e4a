import { Fields } from "./fields.js";
import { type Lease, type LeaseJson, leaseToJson } from "./lease.js";

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

/** The fields by the names that they have in JSON on the wire. */
export interface DispatchJson {
  readonly hostname: string;
  readonly rollout_id: string;
  readonly target_closure: string;
  readonly soak_due_at: string;
  readonly enqueued_at: string;
  /** Only of a dispatch that was taken under a lease. */
  readonly lease?: LeaseJson;
}

/** What came over the wire. */
export interface Taken {
  readonly dispatch: Dispatch;
  /** `undefined` if none was asked for. */
  readonly lease: Lease | undefined;
}

export function dispatchToJson(dispatch: Dispatch & { readonly lease?: Lease }): DispatchJson {
  return {
    hostname: dispatch.hostname,
    rollout_id: dispatch.rolloutId,
    target_closure: dispatch.targetClosure,
    soak_due_at: dispatch.soakDueAt,
    enqueued_at: dispatch.enqueuedAt,
    ...(dispatch.lease === undefined ? {} : { lease: leaseToJson(dispatch.lease) }),
  };
}

/**
 * Strict about the names and types of the five fields; ignores fields that it does not know.
 *
 * @throws TypeError naming the field and what is wrong with it
 */
export function dispatchFromJson(json: unknown): Dispatch {
  const fields = new Fields(json);
  return {
    hostname: fields.text("hostname"),
    rolloutId: fields.text("rollout_id"),
    targetClosure: fields.text("target_closure"),
    soakDueAt: fields.instant("soak_due_at"),
    enqueuedAt: fields.instant("enqueued_at"),
  };
}

/** The same, with its lease if the take asked for one: then it must be there. */
export function takenFromJson(json: unknown, isLeased: boolean): Taken {
  return { dispatch: dispatchFromJson(json), lease: isLeased ? leaseFromJson(json) : undefined };
}

/** The `lease` of a JSON object, read as strictly. */
export function leaseFromJson(json: unknown): Lease {
  const lease = new Fields(json).object("lease");
  return { token: lease.text("token"), expiresAt: lease.instant("expires_at"), attempt: lease.count("attempt") };
}
