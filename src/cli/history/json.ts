import type { Instant } from "../../dispatch/instant.js";
import type { KnownDispatch, KnownHost } from "../../words/record.js";
import type { TimelineEntry } from "../../words/timeline.js";
import { rfc3339 } from "../../words/times.js";

/**
 * What `--json` prints. Scripts rely on it: names and meanings stay, new names may come. Instants are RFC 3339 in UTC;
 * what is not set is `null`. The states and kinds are those of the schema, in lower case.
 */
export function dispatchJson(dispatch: KnownDispatch) {
  return {
    hostname: dispatch.hostname,
    rollout_id: dispatch.rolloutId,
    target_closure: dispatch.targetClosure,
    soak_due_at: rfc3339(dispatch.soakDueAt),
    enqueued_at: rfc3339(dispatch.enqueuedAt),
    state: dispatch.state,
    attempt: dispatch.attempt,
    max_attempts: dispatch.maxAttempts,
    not_before: orNull(dispatch.notBefore),
    not_after: orNull(dispatch.notAfter),
    lease_expires_at: orNull(dispatch.leaseExpiresAt),
    reason: dispatch.reason,
    changed_at: rfc3339(dispatch.changedAt),
  };
}

/** In the order of the instants, which is not quite that of the ids. */
export function entryJson({ event, sincePreviousMs }: TimelineEntry) {
  return {
    id: event.id,
    at: rfc3339(event.at),
    since_previous_ms: sincePreviousMs,
    kind: event.kind,
    attempt: event.attempt,
    actor: event.actor,
    address: event.address,
    wire: event.wire,
    detail: event.detail,
    parked_ms: event.parkedMs,
  };
}

export function hostJson(host: KnownHost) {
  return {
    hostname: host.hostname,
    last_seen_at: orNull(host.lastSeenAt),
    address: host.address,
    wire: host.wire,
    agent_version: host.agentVersion,
    certificate_not_after: orNull(host.certificateNotAfter),
    revoked_before: orNull(host.revokedBefore),
    parked_polls: host.parkedPolls,
    parked_since: orNull(host.parkedSince),
    parked_at: host.parkedAt.map(({ server, polls, since }) => ({ server, polls, since: orNull(since) })),
  };
}

function orNull(instant: Instant | null): string | null {
  return instant === null ? null : rfc3339(instant);
}
