import type {
  ListDispatchesRequest,
  ListEventsRequest,
  ListHostsRequest,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { RawInstant } from "../../dispatch/enqueue.js";
import { invalid } from "../../dispatch/errors.js";
import { parseHostname } from "../../dispatch/hostname.js";
import { type Instant, instantRule } from "../../dispatch/instant.js";
import type { DispatchFilter, EventFilter } from "../../dispatch/ports.js";
import type { HostFilter } from "../../dispatch/reports.js";
import { parseRolloutId } from "../../dispatch/rollout.js";
import { rawInstant } from "../convert.js";
import { stateFromProto } from "../convert-history.js";

/** @throws DispatchError `invalid_argument` */
export function dispatchFilter(request: ListDispatchesRequest): DispatchFilter {
  const { hostname, hostnamePrefix, rolloutId, channel } = request;
  if (hostname !== "" && hostnamePrefix !== "") throw invalid("hostname_prefix", "excludes hostname");
  if (rolloutId !== "" && channel !== "") throw invalid("channel", "excludes rollout_id");
  return {
    hostname: hostname === "" ? undefined : parseHostname(hostname, "hostname"),
    hostnamePrefix: hostnamePrefix === "" ? undefined : parsePart(hostnamePrefix, "hostname_prefix", /^[a-z0-9.-]+$/),
    rolloutId: rolloutId === "" ? undefined : parseRolloutId(rolloutId, "rollout_id"),
    channel: channel === "" ? undefined : parsePart(channel, "channel", /^[a-z0-9_-]+$/),
    states: request.states.map((state, i) => stateFromProto(state, `states[${i}]`)),
    enqueuedAfter: inRange(rawInstant(request.enqueuedAfter), "enqueued_after"),
    enqueuedBefore: inRange(rawInstant(request.enqueuedBefore), "enqueued_before"),
  };
}

/** @throws DispatchError `invalid_argument` */
export function eventFilter({ hostname, rolloutId }: Pick<ListEventsRequest, "hostname" | "rolloutId">): EventFilter {
  return {
    hostname: hostname === "" ? undefined : parseHostname(hostname, "hostname"),
    rolloutId: rolloutId === "" ? undefined : parseRolloutId(rolloutId, "rollout_id"),
  };
}

/** @throws DispatchError `invalid_argument` */
export function hostFilter({ hostname, hostnamePrefix }: ListHostsRequest): HostFilter {
  if (hostname !== "" && hostnamePrefix !== "") throw invalid("hostname_prefix", "excludes hostname");
  return {
    hostname: hostname === "" ? undefined : parseHostname(hostname, "hostname"),
    hostnamePrefix: hostnamePrefix === "" ? undefined : parsePart(hostnamePrefix, "hostname_prefix", /^[a-z0-9.-]+$/),
  };
}

/** What could not be in any name would find nothing, and look like an answer. */
function parsePart(value: string, field: string, allowed: RegExp): string {
  if (value.length <= 253 && allowed.test(value)) return value;
  throw invalid(field, `must match ${allowed.source}, at most 253 characters`);
}

function inRange(instant: RawInstant, field: string): Instant | undefined {
  if (instant === "out of range") throw invalid(field, instantRule);
  return instant;
}
