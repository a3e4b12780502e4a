import type { DispatchRow } from "../../dispatch/dispatch.js";

type Column<Name extends keyof DispatchRow> = DispatchRow[Name];

/** A row as SQLite gives it: in the order of the schema, which is the order of every `SELECT` of whole rows. */
export type DispatchColumns = [
  hostname: Column<"hostname">,
  rolloutId: Column<"rolloutId">,
  targetClosure: Column<"targetClosure">,
  soakDueAt: Column<"soakDueAt">,
  notBefore: Column<"notBefore">,
  notAfter: Column<"notAfter">,
  maxAttempts: Column<"maxAttempts">,
  enqueuedAt: Column<"enqueuedAt">,
  sequence: Column<"sequence">,
  state: Column<"state">,
  attempt: Column<"attempt">,
  leaseToken: Column<"leaseToken">,
  leaseEndsAt: Column<"leaseEndsAt">,
  leaseExpiresAt: Column<"leaseExpiresAt">,
  reason: Column<"reason">,
  changedAt: Column<"changedAt">,
];

export function rowFromColumns(columns: DispatchColumns): DispatchRow {
  return {
    hostname: columns[0],
    rolloutId: columns[1],
    targetClosure: columns[2],
    soakDueAt: columns[3],
    notBefore: columns[4],
    notAfter: columns[5],
    maxAttempts: columns[6],
    enqueuedAt: columns[7],
    sequence: columns[8],
    state: columns[9],
    attempt: columns[10],
    leaseToken: columns[11],
    leaseEndsAt: columns[12],
    leaseExpiresAt: columns[13],
    reason: columns[14],
    changedAt: columns[15],
  };
}
