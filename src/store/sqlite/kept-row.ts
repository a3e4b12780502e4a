import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { Values } from "./compiled.js";

/** A row as it stands in the table: what the rules know of it, and the end of its history. */
export interface KeptRow {
  readonly row: DispatchRow;
  readonly lastEventId: number | null;
}

/** One that has been found, and where: to look for it once more would be a tenth of what changing it costs. */
export interface FoundRow extends KeptRow {
  /** SQLite's own, the same for as long as the transaction lasts. */
  readonly rowid: number;
}

type Column<Name extends keyof DispatchRow> = DispatchRow[Name];

/** As SQLite gives it to every `SELECT` of whole rows: in the order of the schema. */
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
  lastEventId: number | null,
  rowid: number,
];

export function foundRowFromColumns(columns: DispatchColumns): FoundRow {
  const row: DispatchRow = {
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
  return { row, lastEventId: columns[16], rowid: columns[17] };
}

/** For the placeholders of every statement that writes rows. */
export const keptRowValues = {
  hostname: ({ row }) => row.hostname,
  rolloutId: ({ row }) => row.rolloutId,
  targetClosure: ({ row }) => row.targetClosure,
  soakDueAt: ({ row }) => row.soakDueAt,
  notBefore: ({ row }) => row.notBefore,
  notAfter: ({ row }) => row.notAfter,
  maxAttempts: ({ row }) => row.maxAttempts,
  enqueuedAt: ({ row }) => row.enqueuedAt,
  sequence: ({ row }) => row.sequence,
  state: ({ row }) => row.state,
  attempt: ({ row }) => row.attempt,
  leaseToken: ({ row }) => row.leaseToken,
  leaseEndsAt: ({ row }) => row.leaseEndsAt,
  leaseExpiresAt: ({ row }) => row.leaseExpiresAt,
  reason: ({ row }) => row.reason,
  changedAt: ({ row }) => row.changedAt,
  lastEventId: ({ lastEventId }) => lastEventId,
} satisfies Values<KeptRow>;

/** For the placeholders of the statement that changes one. */
export const foundRowValues = { ...keptRowValues, rowid: ({ rowid }) => rowid } satisfies Values<FoundRow>;

/** Most of what is enqueued is new, and waits for no time: whether the columns that `insertFresh` leaves out are empty. */
export function isFresh({ row }: KeptRow): boolean {
  return (
    row.notBefore === null &&
    row.notAfter === null &&
    row.leaseToken === null &&
    row.leaseEndsAt === null &&
    row.leaseExpiresAt === null &&
    row.reason === null
  );
}
