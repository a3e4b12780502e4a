import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type DispatchRecord,
  type DispatchState as DispatchStateOnWire,
  DispatchStateSchema,
  type Event,
  EventKindSchema,
  type HostPresence,
} from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { type DispatchState, dispatchStates } from "../dispatch/dispatch.js";
import { type EventKind, eventKinds } from "../dispatch/event.js";
import type { Instant } from "../dispatch/instant.js";
import { instantFromTimestamp } from "../http/convert.js";
import { oneLine } from "./one-line.js";

/** What commands know of one dispatch. Texts are safe to print: one line each, without control characters. */
export interface KnownDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  readonly soakDueAt: Instant;
  readonly enqueuedAt: Instant;
  /** `unknown`: a state that a newer server has. */
  readonly state: DispatchState | "unknown";
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly notBefore: Instant | null;
  readonly notAfter: Instant | null;
  readonly leaseExpiresAt: Instant | null;
  /** Of its rejection. */
  readonly reason: string | null;
  readonly changedAt: Instant;
}

export interface KnownEvent {
  readonly id: number;
  readonly at: Instant;
  readonly kind: EventKind | "unknown";
  readonly attempt: number;
  readonly actor: string;
  /** `null` where the server acted by itself. */
  readonly address: string | null;
  readonly wire: string | null;
  /** Empty for most. */
  readonly detail: string;
  /** For a hand-out: how long the poll had been waiting; `null` if it found the dispatch at once. */
  readonly parkedMs: number | null;
}

export interface KnownHost {
  readonly hostname: string;
  /** `null` if it has never polled; so are the next four then. */
  readonly lastSeenAt: Instant | null;
  readonly address: string | null;
  readonly wire: string | null;
  readonly agentVersion: string | null;
  readonly certificateNotAfter: Instant | null;
  /** Certificates that were issued earlier are refused; `null` if it is not revoked. */
  readonly revokedBefore: Instant | null;
  /** At all servers. */
  readonly parkedPolls: number;
  readonly parkedSince: Instant | null;
  readonly parkedAt: readonly KnownParkedAt[];
}

/** Polls at one of the servers. */
export interface KnownParkedAt {
  readonly server: string;
  readonly polls: number;
  readonly since: Instant | null;
}

export function knownDispatch(record: DispatchRecord): KnownDispatch {
  return {
    hostname: oneLine(record.hostname),
    rolloutId: oneLine(record.rolloutId),
    targetClosure: oneLine(record.targetClosure),
    soakDueAt: required(record.soakDueAt, "soak_due_at"),
    enqueuedAt: required(record.enqueuedAt, "enqueued_at"),
    state: wordFor(dispatchStates, stateName(record.state)),
    attempt: record.attempt,
    maxAttempts: record.maxAttempts,
    notBefore: optional(record.notBefore),
    notAfter: optional(record.notAfter),
    leaseExpiresAt: optional(record.leaseExpiresAt),
    reason: orNull(record.reason),
    changedAt: required(record.changedAt, "changed_at"),
  };
}

export function knownEvent(event: Event): KnownEvent {
  return {
    id: Number(event.id),
    at: required(event.at, "at"),
    kind: wordFor(eventKinds, EventKindSchema.value[event.kind]?.localName),
    attempt: event.attempt,
    actor: oneLine(event.actor),
    address: orNull(event.address),
    wire: orNull(event.wire),
    detail: oneLine(event.detail),
    parkedMs: event.parkedMs === undefined ? null : Number(event.parkedMs),
  };
}

export function knownHost(presence: HostPresence): KnownHost {
  return {
    hostname: oneLine(presence.hostname),
    lastSeenAt: optional(presence.lastSeenAt),
    address: orNull(presence.address),
    wire: orNull(presence.wire),
    agentVersion: orNull(presence.agentVersion),
    certificateNotAfter: optional(presence.certificateNotAfter),
    revokedBefore: optional(presence.revokedBefore),
    parkedPolls: presence.parkedPolls,
    parkedSince: optional(presence.parkedSince),
    parkedAt: presence.parkedAt.map(({ server, polls, since }) => ({
      server: oneLine(server),
      polls,
      since: optional(since),
    })),
  };
}

function stateName(state: DispatchStateOnWire): string | undefined {
  return DispatchStateSchema.value[state]?.localName;
}

/** A host of which nothing is known but its name. */
export function strangerNamed(hostname: string): KnownHost {
  const unseen = { lastSeenAt: null, address: null, wire: null, agentVersion: null };
  return {
    hostname,
    ...unseen,
    certificateNotAfter: null,
    revokedBefore: null,
    parkedPolls: 0,
    parkedSince: null,
    parkedAt: [],
  };
}

/** `PENDING` is `pending`. */
function wordFor<Word extends string>(words: readonly Word[], name: string | undefined): Word | "unknown" {
  return words.find((word) => word === name?.toLowerCase()) ?? "unknown";
}

function required(timestamp: Timestamp | undefined, field: string): Instant {
  const instant = optional(timestamp);
  if (instant === null) throw new Error(`the server's answer is not understood: it has no ${field}`);
  return instant;
}

function optional(timestamp: Timestamp | undefined): Instant | null {
  const instant = timestamp === undefined ? "out of range" : instantFromTimestamp(timestamp);
  return instant === "out of range" ? null : instant;
}

function orNull(text: string): string | null {
  return text === "" ? null : oneLine(text);
}
