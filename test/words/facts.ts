import { type Instant, instantFromMs } from "../../src/dispatch/instant.js";
import type { Facts } from "../../src/words/explanation.js";
import type { KnownDispatch, KnownEvent, KnownHost } from "../../src/words/record.js";

/** 2026-05-16, UTC. */
export function at(time: string): Instant {
  return instantFromMs(Date.parse(`2026-05-16T${time}Z`));
}

export const now = at("12:00:00");

/** Pending, enqueued an hour ago. */
export function dispatch(change: Partial<KnownDispatch> = {}): KnownDispatch {
  return {
    hostname: "web-01",
    rolloutId: "stable@a1",
    targetClosure: "/nix/store/0x-web-01",
    soakDueAt: at("13:00:00"),
    enqueuedAt: at("11:00:00"),
    state: "pending",
    attempt: 0,
    maxAttempts: 10,
    notBefore: null,
    notAfter: null,
    leaseExpiresAt: null,
    reason: null,
    changedAt: at("11:00:00"),
    ...change,
  };
}

/** Of the agent's. */
export function event(
  id: number,
  kind: KnownEvent["kind"],
  when: Instant,
  change: Partial<KnownEvent> = {},
): KnownEvent {
  const agent = { actor: "web-01", address: "10.0.0.7", wire: "http" };
  return { id, kind, at: when, attempt: 1, ...agent, detail: "", parkedMs: null, ...change };
}

/** By alice, an hour ago. */
export const enqueued = event(1, "enqueued", at("11:00:00"), {
  attempt: 0,
  actor: "alice",
  address: "10.0.0.2",
  wire: "connect",
});

/** Polled ten seconds ago, and is not parked. */
export function host(change: Partial<KnownHost> = {}): KnownHost {
  return {
    hostname: "web-01",
    lastSeenAt: at("11:59:50"),
    address: "10.0.0.7",
    wire: "http",
    agentVersion: "nixfleet-agent/1.2",
    certificateNotAfter: at("23:00:00"),
    revokedBefore: null,
    parkedPolls: 0,
    parkedAt: [],
    parkedSince: null,
    ...change,
  };
}

export const stranger = host({
  lastSeenAt: null,
  address: null,
  wire: null,
  agentVersion: null,
  certificateNotAfter: null,
});

/** A dispatch that waits, of a host that polled ten seconds ago. */
export function facts(change: Partial<Facts> = {}): Facts {
  const hostname = "web-01";
  return {
    hostname,
    rolloutId: "stable@a1",
    dispatch: dispatch(),
    events: [enqueued],
    host: host(),
    others: [],
    ...change,
  };
}
