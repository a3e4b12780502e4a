import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { GetStatsResponse } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Instant, instantToMs } from "../../dispatch/instant.js";
import { instantFromTimestamp } from "../../http/convert.js";
import { oneLine } from "../../words/one-line.js";
import { rfc3339 } from "../../words/times.js";
import { type StateWord, stateWord } from "./state-word.js";

export interface KnownStats {
  /** In the order in which a dispatch goes through them. */
  readonly states: readonly { readonly state: StateWord; readonly count: number }[];
  readonly oldestPendingAt: Instant | null;
  /** How long ago that was. */
  readonly oldestPendingMs: number | null;
  readonly parkedPolls: number;
  readonly parkedHosts: number;
  readonly hosts: number;
  readonly lastEventId: number;
  readonly version: string;
  readonly startedAt: Instant;
  readonly uptimeMs: number;
  /** The server's clock. */
  readonly now: Instant;
  /** How far it is ahead of this machine's; negative if it is behind. */
  readonly clockAheadMs: number;
  /** Nobody knows when between question and answer it was read. */
  readonly clockUncertainMs: number;
}

/** When the call began and ended, by this machine's clock. */
export interface Asking {
  readonly askedMs: number;
  readonly answeredMs: number;
}

export function knownStats(response: GetStatsResponse, { askedMs, answeredMs }: Asking): KnownStats {
  const now = required(response.now, "now");
  const startedAt = required(response.startedAt, "started_at");
  const oldestPendingAt =
    response.oldestPendingAt === undefined ? null : required(response.oldestPendingAt, "oldest_pending_at");
  const { parkedPolls, parkedHosts, hosts, version } = response;
  return {
    states: response.states.map(({ state, count }) => ({ state: stateWord(state), count: Number(count) })),
    oldestPendingAt,
    oldestPendingMs: oldestPendingAt === null ? null : spanMs(oldestPendingAt, now),
    parkedPolls,
    parkedHosts,
    hosts,
    lastEventId: Number(response.lastEventId),
    version: oneLine(version),
    startedAt,
    uptimeMs: spanMs(startedAt, now),
    now,
    clockAheadMs: Math.round(instantToMs(now) - (askedMs + answeredMs) / 2),
    clockUncertainMs: (answeredMs - askedMs) / 2,
  };
}

/** What `--json` prints; see `dispatchJson` for what scripts can rely on. */
export function statsJson(stats: KnownStats) {
  const { oldestPendingAt } = stats;
  return {
    states: Object.fromEntries(stats.states.map(({ state, count }) => [state, count])),
    oldest_pending_at: oldestPendingAt === null ? null : rfc3339(oldestPendingAt),
    oldest_pending_ms: stats.oldestPendingMs,
    parked_polls: stats.parkedPolls,
    parked_hosts: stats.parkedHosts,
    hosts: stats.hosts,
    last_event_id: stats.lastEventId,
    version: stats.version,
    started_at: rfc3339(stats.startedAt),
    uptime_ms: stats.uptimeMs,
    now: rfc3339(stats.now),
    clock_ahead_ms: stats.clockAheadMs,
  };
}

function spanMs(from: Instant, to: Instant): number {
  return Math.max(Math.round(instantToMs(to) - instantToMs(from)), 0);
}

function required(timestamp: Timestamp | undefined, field: string): Instant {
  const instant = timestamp === undefined ? "out of range" : instantFromTimestamp(timestamp);
  if (instant === "out of range") throw new Error(`the server's answer is not understood: it has no ${field}`);
  return instant;
}
