import type { HostRecord } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Instant } from "../../dispatch/instant.js";
import { instantFromTimestamp } from "../../http/convert.js";
import { oneLine } from "../../words/one-line.js";
import { type KnownHost, knownHost } from "../../words/record.js";
import { rfc3339 } from "../../words/times.js";
import { hostJson } from "../history/json.js";
import { type StateWord, stateWord } from "./state-word.js";

/** A host that polls or has dispatches. */
export interface KnownHostReport {
  readonly host: KnownHost;
  /** How many dispatches wait for it. */
  readonly pending: number;
  /** The dispatch that changed hands last; `null` if none ever did. */
  readonly last: LastDispatch | null;
}

interface LastDispatch {
  readonly rolloutId: string;
  readonly state: StateWord;
  readonly changedAt: Instant | null;
}

export function knownHostReport({ presence, pending, ...last }: HostRecord): KnownHostReport {
  if (presence === undefined) throw new Error("the server's answer is not understood: a host has no presence");
  return { host: knownHost(presence), pending, last: last.lastRolloutId === "" ? null : lastDispatch(last) };
}

function lastDispatch({
  lastRolloutId,
  lastState,
  lastChangedAt,
}: Pick<HostRecord, "lastRolloutId" | "lastState" | "lastChangedAt">): LastDispatch {
  const changedAt = lastChangedAt === undefined ? "out of range" : instantFromTimestamp(lastChangedAt);
  return {
    rolloutId: oneLine(lastRolloutId),
    state: stateWord(lastState),
    changedAt: changedAt === "out of range" ? null : changedAt,
  };
}

/** What `--json` prints; see `dispatchJson` for what scripts can rely on. */
export function hostReportJson({ host, pending, last }: KnownHostReport) {
  const changedAt = last?.changedAt ?? null;
  return {
    ...hostJson(host),
    pending,
    last_rollout_id: last?.rolloutId ?? null,
    last_state: last?.state ?? null,
    last_changed_at: changedAt === null ? null : rfc3339(changedAt),
  };
}
