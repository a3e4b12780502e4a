import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DispatchRecordSchema,
  DispatchState,
  EventKind,
  type EventSchema,
  type HostPresenceSchema,
} from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { DispatchRow, DispatchState as State } from "../dispatch/dispatch.js";
import { invalid } from "../dispatch/errors.js";
import type { DispatchEvent, EventKind as Kind } from "../dispatch/event.js";
import type { Instant } from "../dispatch/instant.js";
import type { Presence } from "../dispatch/queue.js";
import { timestampFromInstant } from "./convert.js";

export function recordToProto(row: DispatchRow): MessageInitShape<typeof DispatchRecordSchema> {
  return {
    hostname: row.hostname,
    rolloutId: row.rolloutId,
    targetClosure: row.targetClosure,
    soakDueAt: timestampFromInstant(row.soakDueAt),
    enqueuedAt: timestampFromInstant(row.enqueuedAt),
    state: stateToProto[row.state],
    attempt: row.attempt,
    maxAttempts: row.maxAttempts,
    ...optionalTimestamp("notBefore", row.notBefore),
    ...optionalTimestamp("notAfter", row.notAfter),
    ...optionalTimestamp("leaseExpiresAt", row.leaseExpiresAt),
    reason: row.reason ?? "",
    changedAt: timestampFromInstant(row.changedAt),
  };
}

export function eventToProto(event: DispatchEvent): MessageInitShape<typeof EventSchema> {
  const { id, at, kind, parkedMs, ...same } = event;
  return {
    ...same,
    id: BigInt(id),
    at: timestampFromInstant(at),
    kind: kindToProto[kind],
    ...(parkedMs === null ? {} : { parkedMs: BigInt(parkedMs) }),
  };
}

/** @param revokedBefore `undefined` for a host that is not revoked */
export function presenceToProto(
  { hostname, seen, parkedAt }: Presence,
  revokedBefore?: Instant,
): MessageInitShape<typeof HostPresenceSchema> {
  const sinces = parkedAt.map(({ since }) => since).sort((a, b) => a - b);
  return {
    hostname,
    ...(seen === undefined
      ? {}
      : {
          lastSeenAt: timestampFromInstant(seen.lastSeenAt),
          address: seen.address,
          wire: seen.wire,
          agentVersion: seen.agentVersion,
          ...optionalTimestamp("certificateNotAfter", seen.certificateNotAfter),
        }),
    parkedPolls: parkedAt.reduce((sum, { polls }) => sum + polls, 0),
    ...optionalTimestamp("parkedSince", sinces[0] ?? null),
    parkedAt: parkedAt.map(({ server, polls, since }) => ({ server, polls, since: timestampFromInstant(since) })),
    ...optionalTimestamp("revokedBefore", revokedBefore ?? null),
  };
}

/** @throws DispatchError `invalid_argument` */
export function stateFromProto(state: DispatchState, field: string): State {
  const found = Object.entries(stateToProto).find(([, value]) => value === state)?.[0];
  if (found !== undefined && isState(found)) return found;
  throw invalid(field, `must be a state of a dispatch, is ${state}`);
}

function isState(name: string): name is State {
  return name in stateToProto;
}

export const stateToProto = {
  pending: DispatchState.PENDING,
  leased: DispatchState.LEASED,
  delivered: DispatchState.DELIVERED,
  acknowledged: DispatchState.ACKNOWLEDGED,
  rejected: DispatchState.REJECTED,
  cancelled: DispatchState.CANCELLED,
  superseded: DispatchState.SUPERSEDED,
  expired: DispatchState.EXPIRED,
  dead: DispatchState.DEAD,
} as const satisfies Record<State, DispatchState>;

const kindToProto = {
  enqueued: EventKind.ENQUEUED,
  replaced: EventKind.REPLACED,
  superseded: EventKind.SUPERSEDED,
  delivered: EventKind.DELIVERED,
  leased: EventKind.LEASED,
  flushed: EventKind.FLUSHED,
  confirmed: EventKind.CONFIRMED,
  extended: EventKind.EXTENDED,
  acknowledged: EventKind.ACKNOWLEDGED,
  rejected: EventKind.REJECTED,
  lease_expired: EventKind.LEASE_EXPIRED,
  returned: EventKind.RETURNED,
  cancelled: EventKind.CANCELLED,
  expired: EventKind.EXPIRED,
  dead: EventKind.DEAD,
} as const satisfies Record<Kind, EventKind>;

function optionalTimestamp<Name extends string>(name: Name, instant: Instant | null) {
  return instant === null ? {} : { [name]: timestampFromInstant(instant) };
}
