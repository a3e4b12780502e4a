import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { HostSeen } from "../../dispatch/ports.js";
import { textFromInstant } from "./instant-text.js";

/** One column of a table, and what a record of ours has for it. */
export interface Column<Item> {
  readonly name: string;
  readonly type: "text" | "int" | "bigint" | "timestamptz";
  readonly of: (item: Item) => string | number | null;
}

const orNull = (instant: number | null) => (instant === null ? null : textFromInstant(instant));

/** The key first. */
export const dispatchColumns: readonly Column<DispatchRow>[] = [
  { name: "hostname", type: "text", of: (row) => row.hostname },
  { name: "rollout_id", type: "text", of: (row) => row.rolloutId },
  { name: "target_closure", type: "text", of: (row) => row.targetClosure },
  { name: "soak_due_at", type: "timestamptz", of: (row) => textFromInstant(row.soakDueAt) },
  { name: "not_before", type: "timestamptz", of: (row) => orNull(row.notBefore) },
  { name: "not_after", type: "timestamptz", of: (row) => orNull(row.notAfter) },
  { name: "max_attempts", type: "int", of: (row) => row.maxAttempts },
  { name: "enqueued_at", type: "timestamptz", of: (row) => textFromInstant(row.enqueuedAt) },
  { name: "sequence", type: "bigint", of: (row) => row.sequence },
  { name: "state", type: "text", of: (row) => row.state },
  { name: "attempt", type: "int", of: (row) => row.attempt },
  { name: "lease_token", type: "text", of: (row) => row.leaseToken },
  { name: "lease_ends_at", type: "timestamptz", of: (row) => orNull(row.leaseEndsAt) },
  { name: "lease_expires_at", type: "timestamptz", of: (row) => orNull(row.leaseExpiresAt) },
  { name: "reason", type: "text", of: (row) => row.reason },
  { name: "changed_at", type: "timestamptz", of: (row) => textFromInstant(row.changedAt) },
];

export const eventColumns: readonly Column<NewEvent>[] = [
  { name: "at", type: "timestamptz", of: (event) => textFromInstant(event.at) },
  { name: "hostname", type: "text", of: (event) => event.hostname },
  { name: "rollout_id", type: "text", of: (event) => event.rolloutId },
  { name: "kind", type: "text", of: (event) => event.kind },
  { name: "attempt", type: "int", of: (event) => event.attempt },
  { name: "actor", type: "text", of: (event) => event.actor },
  { name: "address", type: "text", of: (event) => event.address },
  { name: "wire", type: "text", of: (event) => event.wire },
  { name: "detail", type: "text", of: (event) => event.detail },
  { name: "parked_ms", type: "int", of: (event) => event.parkedMs },
];

export const hostColumns: readonly Column<HostSeen>[] = [
  { name: "hostname", type: "text", of: (host) => host.hostname },
  { name: "last_seen_at", type: "timestamptz", of: (host) => textFromInstant(host.lastSeenAt) },
  { name: "address", type: "text", of: (host) => host.address },
  { name: "wire", type: "text", of: (host) => host.wire },
  { name: "agent_version", type: "text", of: (host) => host.agentVersion },
  { name: "certificate_not_after", type: "timestamptz", of: (host) => orNull(host.certificateNotAfter) },
];

/** `hostname, rollout_id, …`, each with `prefix` in front. */
export function names<Item>(columns: readonly Column<Item>[], prefix = ""): string {
  return columns.map(({ name }) => `${prefix}${name}`).join(", ");
}

/** `unnest($1::text[], …)` over the values that {@link arrays} gives, whatever their number: one statement for any batch. */
export function unnest<Item>(columns: readonly Column<Item>[], firstParameter = 1): string {
  return `unnest(${columns.map(({ type }, i) => `$${firstParameter + i}::${type}[]`).join(", ")})`;
}

/** One array for each column. */
export function arrays<Item>(columns: readonly Column<Item>[], items: readonly Item[]): (string | number | null)[][] {
  return columns.map(({ of }) => items.map(of));
}
