import type { EnqueueOutcome, EnqueueResult, NewDispatch, Taken } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import { enqueued, isTakeable, superseded, type Taker, taken } from "../../dispatch/life.js";
import type { Origin } from "../../dispatch/origin.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { keep } from "./change.js";
import type { KeptEvent } from "./event-writer.js";
import { isFresh, type KeptRow } from "./kept-row.js";
import type { ReadyStatements } from "./ready-statements.js";
import { takenFrom } from "./take.js";

export interface Enqueuing {
  readonly moment: Moment;
  readonly nextSequence: () => number;
  /** Who takes the dispatch of these hosts as it comes in; each has one in the group, and nothing that waits. */
  readonly alongWith?: TakingAlong;
}

export interface TakingAlong {
  readonly takers: ReadonlyMap<Hostname, Taker>;
  readonly newToken: NewLeaseToken;
  readonly onTaken: (taken: Taken) => void;
}

/** In the order of the group: what comes later replaces, and supersedes, what came before. */
export function enqueue(statements: ReadyStatements, group: EnqueueGroup, enqueuing: Enqueuing): EnqueueResult[] {
  const { dispatches, supersede, origin } = group;
  const { moment, nextSequence, alongWith } = enqueuing;
  const asNew = (dispatch: NewDispatch) =>
    candidate(statements, dispatch, { moment, origin, sequence: nextSequence() }, alongWith);
  // Several at once would be superseded by each other whatever their order.
  if (supersede) return dispatches.map((dispatch) => putAlone(statements, asNew(dispatch)));
  const results: EnqueueResult[] = [];
  const { count } = statements.insertFresh;
  for (let i = 0; i < dispatches.length; i += count) {
    results.push(...putSome(statements, dispatches.slice(i, i + count).map(asNew), alongWith));
  }
  return results;
}

interface Now {
  readonly moment: Moment;
  readonly origin: Origin;
  readonly sequence: number;
}

/** One that is enqueued, and what it is if its pair is new. */
interface Candidate {
  readonly dispatch: NewDispatch;
  readonly now: Now;
  readonly outcome: EnqueueOutcome;
  readonly kept: KeptRow;
  /** With the numbers that they will have. */
  readonly enqueued: KeptEvent | undefined;
  readonly taken: KeptEvent | undefined;
}

function candidate({ events }: ReadyStatements, dispatch: NewDispatch, now: Now, alongWith?: TakingAlong): Candidate {
  const { row, outcome, event } = enqueued(undefined, dispatch, now);
  const first = event && { id: events.number(), event, prevId: null };
  const lastEventId = first?.id ?? null;
  const taker = alongWith?.takers.get(dispatch.hostname);
  if (alongWith === undefined || taker === undefined || !isTakeable(row, now.moment)) {
    return { dispatch, now, outcome, kept: { row, lastEventId }, enqueued: first, taken: undefined };
  }
  const change = taken(row, taker, now.moment, alongWith.newToken);
  const second = { id: events.number(), event: change.event, prevId: lastEventId };
  const kept = { row: change.row, lastEventId: second.id };
  return { dispatch, now, outcome, kept, enqueued: first, taken: second };
}

function putSome(statements: ReadyStatements, some: readonly Candidate[], alongWith?: TakingAlong): EnqueueResult[] {
  const areNew = insertFresh(statements, some);
  return some.map((one) => {
    const { hostname, rolloutId } = one.dispatch;
    const outcome = areNew ? begun(statements, one, alongWith) : put(statements, one, alongWith);
    return { hostname, rolloutId, outcome, superseded: 0 };
  });
}

/** @returns whether all of them were new; if not, those that were may be in the table nevertheless */
function insertFresh({ insertFresh }: ReadyStatements, some: readonly Candidate[]): boolean {
  const rows = some.map(({ kept }) => kept);
  return rows.length === insertFresh.count && rows.every(isFresh) && insertFresh.run(rows) === rows.length;
}

function putAlone(statements: ReadyStatements, one: Candidate): EnqueueResult {
  const { dispatch, now } = one;
  const { hostname, rolloutId } = dispatch;
  const outcome = put(statements, one);
  // A channel has no character that GLOB would take for a pattern.
  const pending = statements.pendingOfChannel.all({ hostname, channelPattern: `${channelOf(rolloutId)}@*` });
  const older = pending.filter(({ row }) => row.rolloutId !== rolloutId);
  for (const other of older) keep(statements, other, superseded(other.row, dispatch, now.moment, now.origin));
  return { hostname, rolloutId, outcome, superseded: older.length };
}

function put(statements: ReadyStatements, one: Candidate, alongWith?: TakingAlong): EnqueueOutcome {
  const { dispatch, now, kept } = one;
  if (statements.insert.run([kept]) > 0) return begun(statements, one, alongWith);
  const old = statements.find.get(dispatch);
  // It went in with others, not all of which were new.
  if (old?.row.sequence === now.sequence) return begun(statements, one, alongWith);
  const { row, outcome, event } = enqueued(old?.row, dispatch, now);
  const before = old?.lastEventId ?? null;
  statements.upsert.run([
    { row, lastEventId: event === undefined ? before : replaced(statements, one, event, before) },
  ]);
  return outcome;
}

/** Under the number that it would have if the pair were new, so that none is left out. @returns that */
function replaced({ events }: ReadyStatements, one: Candidate, event: NewEvent, prevId: number | null): number {
  const id = one.enqueued?.id ?? events.number();
  events.addNumbered({ id, event, prevId });
  return id;
}

/** Its row is in the table; its history begins. */
function begun({ events }: ReadyStatements, one: Candidate, alongWith: TakingAlong | undefined): EnqueueOutcome {
  if (one.enqueued !== undefined) events.addNumbered(one.enqueued);
  if (one.taken !== undefined) {
    events.addNumbered(one.taken);
    alongWith?.onTaken(takenFrom(one.kept.row));
  }
  return one.outcome;
}
