import type { DispatchRow, Lease, Taken } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import { type Taker, taking } from "../../dispatch/life.js";
import type { TakeWant } from "../../dispatch/ports.js";
import type { ReadyStatements } from "./ready-statements.js";

/** A host with nothing pending writes nothing. */
export function take(
  statements: ReadyStatements,
  { hostname, takers }: TakeWant,
  moment: Moment,
  newToken: NewLeaseToken,
): Taken[] {
  const found = statements.takeable.all({ hostname, now: moment.now, limit: takers.length });
  return found.map(({ rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, attempt, lastEventId, rowid }, i) => {
    const { changed, event } = taking({ hostname, rolloutId, attempt }, takerAt(takers, i), moment, newToken);
    const eventId = statements.events.add(event, lastEventId);
    statements.counts.moved("pending", changed.state);
    statements.updateTaken.run([{ changed, lastEventId: eventId, rowid }]);
    return {
      dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
      take: { hostname, rolloutId, sequence, attempt: changed.attempt },
      lease: leaseOf(changed),
      eventId,
    };
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
  return {
    dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
    take: { hostname, rolloutId, sequence, attempt },
    lease: leaseOf(row),
    eventId,
  };
}

function leaseOf({ leaseToken, leaseExpiresAt, attempt }: Pick<DispatchRow, LeaseColumn>): Lease | undefined {
  if (leaseToken === null || leaseExpiresAt === null) return undefined;
  return { token: leaseToken, expiresAt: leaseExpiresAt, attempt };
}

type LeaseColumn = "leaseToken" | "leaseExpiresAt" | "attempt";
