import type { DispatchRow, Taken } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import { type Taker, taken } from "../../dispatch/life.js";
import type { TakeWant } from "../../dispatch/ports.js";
import { keep } from "./change.js";
import type { ReadyStatements } from "./ready-statements.js";

/** A host with nothing pending writes nothing. */
export function take(
  statements: ReadyStatements,
  { hostname, takers }: TakeWant,
  moment: Moment,
  newToken: NewLeaseToken,
): Taken[] {
  const rows = statements.takeable.all({ hostname, now: moment.now, limit: takers.length });
  return rows.map((kept, i) => {
    const change = taken(kept.row, takerAt(takers, i), moment, newToken);
    return takenFrom(change.row, keep(statements, kept, change));
  });
}

function takerAt(takers: readonly Taker[], i: number): Taker {
  const taker = takers[i];
  if (taker === undefined) throw new Error("more rows than were asked for");
  return taker;
}

/**
 * @param row after its take
 * @param eventId of the take
 */
export function takenFrom(row: DispatchRow, eventId: number): Taken {
  const { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, attempt } = row;
  const { leaseToken: token, leaseExpiresAt: expiresAt } = row;
  return {
    dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
    take: { hostname, rolloutId, sequence, attempt },
    lease: token === null || expiresAt === null ? undefined : { token, expiresAt, attempt },
    eventId,
  };
}
