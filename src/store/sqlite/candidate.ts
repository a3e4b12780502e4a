import type { EnqueueOutcome, NewDispatch } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import { enqueued, isTakeable, type Taker, taken } from "../../dispatch/life.js";
import type { Origin } from "../../dispatch/origin.js";
import type { KeptEvent } from "./event-writer.js";
import type { KeptRow } from "./kept-row.js";
import type { ReadyStatements } from "./ready-statements.js";

export interface Now {
  readonly moment: Moment;
  readonly origin: Origin;
  readonly sequence: number;
}

/** One that is enqueued, and what it is if its pair is new. */
export interface Candidate {
  readonly dispatch: NewDispatch;
  readonly now: Now;
  readonly outcome: EnqueueOutcome;
  readonly kept: KeptRow;
  /** Who takes it as it comes in. */
  readonly taker: Taker | undefined;
  /** With the numbers that they will have. */
  readonly enqueued: KeptEvent | undefined;
  readonly taken: KeptEvent | undefined;
}

export function candidate(
  { events, knownEmpty }: ReadyStatements,
  dispatch: NewDispatch,
  now: Now,
  taker: Taker | undefined,
): Candidate {
  const { row, outcome, event } = enqueued(undefined, dispatch, now);
  const first = event && { id: events.number(), event, prevId: null };
  const kept = { row, lastEventId: first?.id ?? null };
  const isTaken = taker !== undefined && isTakeable(row, now.moment);
  if (!isTaken) knownEmpty.forget(dispatch.hostname);
  return { dispatch, now, outcome, kept, taker: isTaken ? taker : undefined, enqueued: first, taken: undefined };
}

/** Behind each other in the history, as the enqueues before them: events that are alike are cheaper to write. */
export function takeSome(
  { events }: ReadyStatements,
  some: readonly Candidate[],
  newToken: NewLeaseToken,
): readonly Candidate[] {
  return some.map((one) => {
    const { dispatch, now, outcome, kept, taker, enqueued: first } = one;
    if (taker === undefined) return one;
    const { row, event } = taken(kept.row, taker, now.moment, newToken);
    const second = { id: events.number(), event, prevId: kept.lastEventId };
    return { dispatch, now, outcome, kept: { row, lastEventId: second.id }, taker, enqueued: first, taken: second };
  });
}
