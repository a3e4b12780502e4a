import type { DispatchState } from "../../dispatch/dispatch.js";
import type { Instant } from "../../dispatch/instant.js";
import type { KnownDispatch, KnownHost } from "../../words/record.js";
import type { Fleet } from "./fleet.js";

export type StateWord = DispatchState | "unknown";
export type StateCounts = Readonly<Record<StateWord, number>>;

/** In the order in which bars and legends show them: from what is done to what is in trouble. */
export const stateOrder = [
  "acknowledged",
  "delivered",
  "leased",
  "pending",
  "rejected",
  "dead",
  "expired",
  "superseded",
  "cancelled",
] as const satisfies readonly DispatchState[];

const noCounts: StateCounts = {
  pending: 0,
  leased: 0,
  delivered: 0,
  acknowledged: 0,
  rejected: 0,
  cancelled: 0,
  superseded: 0,
  expired: 0,
  dead: 0,
  unknown: 0,
};

export function countStates(dispatches: Iterable<KnownDispatch>): StateCounts {
  const counts: Record<StateWord, number> = { ...noCounts };
  for (const { state } of dispatches) counts[state] += 1;
  return counts;
}

export interface RolloutSummary {
  readonly rolloutId: string;
  readonly total: number;
  readonly counts: StateCounts;
  /** Pending or leased. */
  readonly open: number;
  readonly firstEnqueuedAt: Instant;
  readonly lastChangedAt: Instant;
  /** Dispatches that came to an end, each minute, over the last minutes; 0 if none did. */
  readonly perMinute: number;
  /** Until none is open at that rate; null if none is open, or nothing moves. */
  readonly remainingMs: number | null;
}

const rateMinutes = 5;
const minuteMicros = 60_000_000;

export function rolloutSummary(
  rolloutId: string,
  dispatches: Iterable<KnownDispatch>,
  now: Instant,
): RolloutSummary | undefined {
  const all = [...dispatches];
  const [first] = all;
  if (first === undefined) return undefined;
  const counts = countStates(all);
  const open = counts.pending + counts.leased;
  let { enqueuedAt, changedAt } = first;
  for (const dispatch of all) {
    if (dispatch.enqueuedAt < enqueuedAt) enqueuedAt = dispatch.enqueuedAt;
    if (dispatch.changedAt > changedAt) changedAt = dispatch.changedAt;
  }
  const perMinute = rateOf(all, enqueuedAt, now);
  return {
    rolloutId,
    total: all.length,
    counts,
    open,
    firstEnqueuedAt: enqueuedAt,
    lastChangedAt: changedAt,
    perMinute,
    remainingMs: open === 0 || perMinute === 0 ? null : (open / perMinute) * 60_000,
  };
}

/** Of the last five minutes, or of its whole life if that is shorter. */
function rateOf(dispatches: readonly KnownDispatch[], since: Instant, now: Instant): number {
  const from = Math.max(now - rateMinutes * minuteMicros, since);
  const done = dispatches.filter(({ state, changedAt }) => changedAt >= from && isOver(state)).length;
  // Under ten seconds any rate would be a guess.
  return done / (Math.max(now - from, 10_000_000) / minuteMicros);
}

function isOver(state: StateWord): boolean {
  return state !== "pending" && state !== "leased" && state !== "unknown";
}

/** The newest first. */
export function rolloutSummaries(fleet: Fleet, now: Instant): RolloutSummary[] {
  return [...fleet.rollouts]
    .map(([rolloutId, hosts]) => rolloutSummary(rolloutId, hosts.values(), now))
    .filter((summary) => summary !== undefined)
    .sort((a, b) => b.firstEnqueuedAt - a.firstEnqueuedAt);
}

/** An agent polls for up to 60 s, and 5 s after an error; who was not seen for longer is away. */
const longestBetweenPollsMicros = 75_000_000;

export type PresenceWord = "parked" | "seen" | "away" | "never" | "revoked";

export function presenceOf(host: KnownHost, now: Instant): PresenceWord {
  if (host.revokedBefore !== null && isRefused(host)) return "revoked";
  if (host.parkedPolls > 0) return "parked";
  if (host.lastSeenAt === null) return "never";
  return now - host.lastSeenAt <= longestBetweenPollsMicros ? "seen" : "away";
}

/** One that was revoked, and polls again with a newer certificate, is in again. */
function isRefused({ revokedBefore, lastSeenAt, parkedPolls }: KnownHost): boolean {
  return parkedPolls === 0 && revokedBefore !== null && (lastSeenAt === null || lastSeenAt <= revokedBefore);
}

const dayMicros = 86_400_000_000;

/** Its certificate ends within so many days, or has ended. */
export function expiresWithin({ certificateNotAfter }: KnownHost, days: number, now: Instant): boolean {
  return certificateNotAfter !== null && certificateNotAfter - now <= days * dayMicros;
}

/** Numbers of the Now view. */
export interface FleetNumbers {
  readonly hosts: number;
  readonly presence: Readonly<Record<PresenceWord, number>>;
  readonly counts: StateCounts;
  readonly oldestPending: KnownDispatch | undefined;
  /** The next to end first. */
  readonly expiring: readonly KnownHost[];
}

export function fleetNumbers(fleet: Fleet, now: Instant): FleetNumbers {
  const presence: Record<PresenceWord, number> = { parked: 0, seen: 0, away: 0, never: 0, revoked: 0 };
  const hosts = [...fleet.hosts.values()];
  for (const host of hosts) presence[presenceOf(host, now)] += 1;
  let oldestPending: KnownDispatch | undefined;
  for (const dispatch of fleet.dispatches()) {
    if (dispatch.state !== "pending") continue;
    if (oldestPending === undefined || dispatch.enqueuedAt < oldestPending.enqueuedAt) oldestPending = dispatch;
  }
  const expiring = hosts
    .filter((host) => expiresWithin(host, 14, now))
    .sort((a, b) => (a.certificateNotAfter ?? 0) - (b.certificateNotAfter ?? 0));
  return { hosts: hosts.length, presence, counts: countStates(fleet.dispatches()), oldestPending, expiring };
}

export function pendingOf(fleet: Fleet, hostname: string): number {
  let count = 0;
  for (const { state } of fleet.dispatchesOf.get(hostname)?.values() ?? []) if (state === "pending") count += 1;
  return count;
}

/** What does not move by itself: waits for a host that does not come, came back, or ended badly. The worst first. */
export function stuck(fleet: Fleet, now: Instant, rolloutId: string): KnownDispatch[] {
  const isStuck = ({ state, hostname, attempt, enqueuedAt, leaseExpiresAt }: KnownDispatch) => {
    if (state === "dead" || state === "rejected" || state === "expired") return true;
    if (state === "leased") return attempt > 1 || (leaseExpiresAt !== null && leaseExpiresAt < now);
    if (state !== "pending") return false;
    const host = fleet.hosts.get(hostname);
    const isThere = host !== undefined && ["parked", "seen"].includes(presenceOf(host, now));
    return attempt > 0 || !isThere || now - enqueuedAt > longestBetweenPollsMicros;
  };
  return [...(fleet.rollouts.get(rolloutId)?.values() ?? [])]
    .filter(isStuck)
    .sort((a, b) => stuckRank[a.state] - stuckRank[b.state] || a.hostname.localeCompare(b.hostname));
}

const stuckRank: StateCounts = { ...noCounts, dead: 0, rejected: 1, expired: 2, leased: 3, pending: 4 };
