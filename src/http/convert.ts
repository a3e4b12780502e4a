import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Dispatch, DispatchSchema, LeaseSchema } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { EnqueueOutcome, type NewDispatch } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Lease, EnqueueOutcome as Outcome, Taken } from "../dispatch/dispatch.js";
import type { RawDispatch, RawInstant } from "../dispatch/enqueue.js";
import { type Instant, instantFromMicros } from "../dispatch/instant.js";

export function timestampFromInstant(instant: Instant): Pick<Timestamp, "seconds" | "nanos"> {
  const seconds = Math.floor(instant / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (instant - seconds * 1_000_000) * 1_000 };
}

/** Digits finer than a microsecond are dropped. */
export function instantFromTimestamp({ seconds, nanos }: Timestamp): Instant | "out of range" {
  if (nanos < 0 || nanos > 999_999_999) return "out of range";
  return instantFromMicros(Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000)) ?? "out of range";
}

/** `undefined` for a field that was not set. */
export function rawInstant(timestamp: Timestamp | undefined): RawInstant {
  return timestamp === undefined ? undefined : instantFromTimestamp(timestamp);
}

/** Field by field, since `create` finds its way through an object of fields by the schema: 1.5 µs for each hand-out. */
export function takenToProto({ dispatch, lease }: Taken): Dispatch {
  const message = create(DispatchSchema);
  message.hostname = dispatch.hostname;
  message.rolloutId = dispatch.rolloutId;
  message.targetClosure = dispatch.targetClosure;
  message.soakDueAt = timestamp(dispatch.soakDueAt);
  message.enqueuedAt = timestamp(dispatch.enqueuedAt);
  if (lease !== undefined) message.lease = create(LeaseSchema, leaseToProto(lease));
  return message;
}

function timestamp(instant: Instant): Timestamp {
  const { seconds, nanos } = timestampFromInstant(instant);
  const message = create(TimestampSchema);
  message.seconds = seconds;
  message.nanos = nanos;
  return message;
}

export function leaseToProto({ token, expiresAt, attempt }: Lease): MessageInitShape<typeof LeaseSchema> {
  return { token, expiresAt: timestampFromInstant(expiresAt), attempt };
}

export function newDispatchFromProto(message: NewDispatch): RawDispatch {
  return {
    hostname: message.hostname,
    rolloutId: message.rolloutId,
    targetClosure: message.targetClosure,
    soakDueAt: rawInstant(message.soakDueAt),
    notBefore: rawInstant(message.notBefore),
    notAfter: rawInstant(message.notAfter),
    maxAttempts: message.maxAttempts,
  };
}

export const outcomeToProto = {
  created: EnqueueOutcome.CREATED,
  replaced: EnqueueOutcome.REPLACED,
  kept: EnqueueOutcome.KEPT,
} as const satisfies Record<Outcome, EnqueueOutcome>;
