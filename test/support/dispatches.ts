import { parseTargetClosure } from "../../src/dispatch/closure.js";
import type { NewDispatch } from "../../src/dispatch/dispatch.js";
import { type Hostname, parseHostname } from "../../src/dispatch/hostname.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import { type LeaseToken, leaseTokenFrom, type NewLeaseToken, type TakeTerms } from "../../src/dispatch/lease.js";
import type { Taker } from "../../src/dispatch/life.js";
import type { Origin } from "../../src/dispatch/origin.js";
import type { EnqueueGroup, TakeWant } from "../../src/dispatch/ports.js";
import { parseRolloutId, type RolloutId } from "../../src/dispatch/rollout.js";

export function host(name: string): Hostname {
  return parseHostname(name, "hostname");
}

export function rollout(id: string): RolloutId {
  return parseRolloutId(id, "rollout_id");
}

/** Without a window and with ten attempts, unless `overrides` says otherwise. */
export function newDispatch(
  hostname: string,
  rolloutId = "stable@a1b2c3d4",
  closureName?: string,
  overrides: Partial<NewDispatch> = {},
): NewDispatch {
  return {
    hostname: host(hostname),
    rolloutId: rollout(rolloutId),
    targetClosure: parseTargetClosure(`/nix/store/${closureName ?? `0x-nixos-system-${hostname}-26.05`}`, "closure"),
    soakDueAt: instantFromMs(Date.UTC(2026, 4, 16, 1, 30)),
    notBefore: null,
    notAfter: null,
    maxAttempts: 10,
    ...overrides,
  };
}

export function origin(actor = "operator-ci"): Origin {
  return { actor, address: "192.0.2.7", wire: "http" };
}

/** One enqueue of these, which supersedes nothing. */
export function group(...dispatches: NewDispatch[]): EnqueueGroup {
  return { dispatches, supersede: false, origin: origin() };
}

/** On its first look, taking what counts as delivered at once, unless said otherwise. */
export function taker(terms: TakeTerms = { kind: "once" }, parkedMs: number | null = null): Taker {
  return { terms, parkedMs, origin: origin("agent") };
}

/** One host's part in a take: one plain taker, unless others are given. */
export function want(hostname: string, ...takers: Taker[]): TakeWant {
  return { hostname: host(hostname), takers: takers.length === 0 ? [taker()] : takers };
}

/** The token that `tokens` makes as its `n`-th, from 1. */
export function tokenOf(n: number): LeaseToken {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n, 12);
  return leaseTokenFrom(bytes);
}

/** A source of tokens that says the same in each run. */
export function tokens(): NewLeaseToken {
  let made = 0;
  return () => {
    made += 1;
    return tokenOf(made);
  };
}
