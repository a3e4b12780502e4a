import type { EnqueueOutcome, EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Moment } from "../../dispatch/instant.js";
import { enqueued, superseded } from "../../dispatch/life.js";
import type { Origin } from "../../dispatch/origin.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { keep } from "./change.js";
import { isFresh, type KeptRow } from "./kept-row.js";
import type { ReadyStatements } from "./ready-statements.js";

export interface Now {
  readonly moment: Moment;
  readonly nextSequence: () => number;
}

/** In the order of the group: what comes later replaces, and supersedes, what came before. */
export function enqueue(
  statements: ReadyStatements,
  group: EnqueueGroup,
  { moment, nextSequence }: Now,
): EnqueueResult[] {
  const { dispatches, supersede, origin } = group;
  const asNew = (dispatch: NewDispatch) =>
    newRow(dispatch, { moment, origin, sequence: nextSequence() }, statements.events.number());
  // Several at once would be superseded by each other whatever their order.
  if (supersede) return dispatches.map((dispatch) => putAlone(statements, asNew(dispatch)));
  const results: EnqueueResult[] = [];
  const { count } = statements.insertFresh;
  for (let i = 0; i < dispatches.length; i += count) {
    results.push(...putSome(statements, dispatches.slice(i, i + count).map(asNew)));
  }
  return results;
}

/** One that is enqueued, and what it is if its pair is new. */
interface Enqueuing {
  readonly dispatch: NewDispatch;
  readonly now: { readonly moment: Moment; readonly origin: Origin; readonly sequence: number };
  readonly kept: KeptRow;
  readonly outcome: EnqueueOutcome;
  readonly event: NewEvent | undefined;
}

function newRow(dispatch: NewDispatch, now: Enqueuing["now"], eventId: number): Enqueuing {
  const { row, outcome, event } = enqueued(undefined, dispatch, now);
  return { dispatch, now, outcome, event, kept: { row, lastEventId: event === undefined ? null : eventId } };
}

function putSome(statements: ReadyStatements, some: readonly Enqueuing[]): EnqueueResult[] {
  const areNew = insertFresh(statements, some);
  return some.map((one) => {
    const { hostname, rolloutId } = one.dispatch;
    return { hostname, rolloutId, outcome: areNew ? begun(statements, one) : put(statements, one), superseded: 0 };
  });
}

/** @returns whether all of them were new; if not, those that were may be in the table nevertheless */
function insertFresh({ insertFresh }: ReadyStatements, some: readonly Enqueuing[]): boolean {
  const rows = some.map(({ kept }) => kept);
  return rows.length === insertFresh.count && rows.every(isFresh) && insertFresh.run(rows) === rows.length;
}

function putAlone(statements: ReadyStatements, one: Enqueuing): EnqueueResult {
  const { dispatch, now } = one;
  const { hostname, rolloutId } = dispatch;
  const outcome = put(statements, one);
  // A channel has no character that GLOB would take for a pattern.
  const pending = statements.pendingOfChannel.all({ hostname, channelPattern: `${channelOf(rolloutId)}@*` });
  const older = pending.filter(({ row }) => row.rolloutId !== rolloutId);
  for (const other of older) keep(statements, other, superseded(other.row, dispatch, now.moment, now.origin));
  return { hostname, rolloutId, outcome, superseded: older.length };
}

function put(statements: ReadyStatements, one: Enqueuing): EnqueueOutcome {
  const { dispatch, now, kept } = one;
  if (statements.insert.run([kept]) > 0) return begun(statements, one);
  const old = statements.find.get(dispatch);
  // It went in with others, not all of which were new.
  if (old?.row.sequence === now.sequence) return begun(statements, one);
  const { row, outcome, event } = enqueued(old?.row, dispatch, now);
  const before = old?.lastEventId ?? null;
  statements.upsert.run([{ row, lastEventId: event === undefined ? before : statements.events.add(event, before) }]);
  return outcome;
}

/** Its row is in the table; its history begins. */
function begun({ events }: ReadyStatements, { kept, event, outcome }: Enqueuing): EnqueueOutcome {
  const id = kept.lastEventId;
  if (event !== undefined && id !== null) events.addNumbered({ id, event, prevId: null });
  return outcome;
}
