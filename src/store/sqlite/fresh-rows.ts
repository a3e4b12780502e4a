import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { Compiled } from "./compiled.js";

/** Most of what is enqueued is new and waits: such rows differ in eight columns only, and several go into one statement. */
export class FreshRows {
  readonly #insert: Compiled;
  /** How many rows one statement takes, exactly. */
  readonly count: number;

  /** @param insert adds several rows and passes over those whose pair is there */
  constructor(insert: Compiled) {
    this.#insert = insert;
    this.count = insert.names.length / columns.length;
  }

  /** @returns whether all of them were new; if not, those that were are in the table nevertheless */
  insert(rows: readonly DispatchRow[]): boolean {
    const bound: unknown[] = [];
    for (const row of rows) for (const column of columns) bound.push(column(row));
    return this.#insert.runBound(bound) === rows.length;
  }
}

/** In the order of the statement. */
const columns: readonly ((row: DispatchRow) => unknown)[] = [
  ({ hostname }) => hostname,
  ({ rolloutId }) => rolloutId,
  ({ targetClosure }) => targetClosure,
  ({ soakDueAt }) => soakDueAt,
  ({ maxAttempts }) => maxAttempts,
  ({ enqueuedAt }) => enqueuedAt,
  ({ sequence }) => sequence,
  ({ changedAt }) => changedAt,
];

/** Whether all other columns are as the statement writes them. */
export function isFresh(row: DispatchRow): boolean {
  return (
    row.state === "pending" &&
    row.attempt === 0 &&
    row.notBefore === null &&
    row.notAfter === null &&
    row.leaseToken === null &&
    row.leaseEndsAt === null &&
    row.leaseExpiresAt === null &&
    row.reason === null
  );
}
