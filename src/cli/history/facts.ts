import { Code, ConnectError } from "@connectrpc/connect";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { liveStates } from "../../dispatch/dispatch.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { RolloutId } from "../../dispatch/rollout.js";
import type { Facts } from "../../words/explanation.js";
import { findHost, getHistory, type History, listDispatches, type QueueCalls } from "./queue-calls.js";

/** About a host and a rollout; `others` are those that wait or are leased. */
export async function factsOfPair(calls: QueueCalls, hostname: Hostname, rolloutId: RolloutId): Promise<Facts> {
  const history = await historyOrNull(calls, hostname, rolloutId);
  const live = await listDispatches(calls, hostname, [DispatchState.PENDING, DispatchState.LEASED]);
  const others = live.filter((other) => other.rolloutId !== rolloutId);
  return { ...(await factsOf(calls, hostname, history)), rolloutId, others };
}

/**
 * About a host and its newest dispatch that waits or is leased, or else its newest; `others` are all others, the newest
 * first.
 */
export async function factsOfHost(calls: QueueCalls, hostname: Hostname): Promise<Facts> {
  const all = (await listDispatches(calls, hostname)).sort((a, b) => b.enqueuedAt - a.enqueuedAt);
  const chosen = all.find(({ state }) => liveStates.some((live) => live === state)) ?? all[0];
  const history = chosen === undefined ? null : await historyOrNull(calls, hostname, chosen.rolloutId);
  const others = all.filter((other) => other !== chosen);
  return { ...(await factsOf(calls, hostname, history)), rolloutId: chosen?.rolloutId ?? null, others };
}

async function factsOf(calls: QueueCalls, hostname: Hostname, history: History | null) {
  const host = history === null ? await findHost(calls, hostname) : history.host;
  return { hostname, dispatch: history?.dispatch ?? null, events: history?.events ?? [], host };
}

async function historyOrNull(calls: QueueCalls, hostname: string, rolloutId: string): Promise<History | null> {
  try {
    return await getHistory(calls, { hostname, rolloutId });
  } catch (thrown) {
    if (thrown instanceof ConnectError && thrown.code === Code.NotFound) return null;
    throw thrown;
  }
}
