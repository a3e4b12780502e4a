import type { EnqueueOutcome, EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import { enqueued, superseded } from "../../dispatch/life.js";
import type { Origin } from "../../dispatch/origin.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { keep, keepEnqueued, keepNew } from "./change.js";
import { isFresh } from "./fresh-rows.js";
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
  const enqueuing = (dispatch: NewDispatch) => newRow(dispatch, { moment, origin, sequence: nextSequence() });
  // Several at once would be superseded by each other whatever their order.
  if (supersede) return dispatches.map((dispatch) => putAlone(statements, enqueuing(dispatch)));
  const results: EnqueueResult[] = [];
  const { count } = statements.insertFresh;
  for (let i = 0; i < dispatches.length; i += count) {
    results.push(...putSome(statements, dispatches.slice(i, i + count).map(enqueuing)));
  }
  return results;
}

/** One that is enqueued, and what it is if its pair is new. */
type Enqueuing = ReturnType<typeof newRow>;

function newRow(dispatch: NewDispatch, now: { moment: Moment; origin: Origin; sequence: number }) {
  return { dispatch, now, first: enqueued(undefined, dispatch, now) };
}

function putSome(statements: ReadyStatements, some: readonly Enqueuing[]): EnqueueResult[] {
  const rows = some.map(({ first }) => first.row);
  const areNew =
    rows.length === statements.insertFresh.count && rows.every(isFresh) && statements.insertFresh.insert(rows);
  return some.map((one) => {
    const { hostname, rolloutId } = one.dispatch;
    if (areNew && one.first.event !== undefined) statements.events.add(one.first.event);
    return { hostname, rolloutId, outcome: areNew ? one.first.outcome : put(statements, one), superseded: 0 };
  });
}

function putAlone(statements: ReadyStatements, one: Enqueuing): EnqueueResult {
  const { dispatch, now } = one;
  const { hostname, rolloutId } = dispatch;
  const outcome = put(statements, one);
  // A channel has no character that GLOB would take for a pattern.
  const pending = statements.pendingOfChannel.all({ hostname, channelPattern: `${channelOf(rolloutId)}@*` });
  const older = pending.filter((other) => other.rolloutId !== rolloutId);
  for (const other of older) keep(statements, superseded(other, dispatch, now.moment, now.origin));
  return { hostname, rolloutId, outcome, superseded: older.length };
}

function put(statements: ReadyStatements, { dispatch, now, first }: Enqueuing): EnqueueOutcome {
  if (keepNew(statements, first.row, first.event)) return first.outcome;
  const old = statements.find.get(dispatch);
  if (old?.sequence === now.sequence) {
    // It went in with others, not all of which were new.
    if (first.event !== undefined) statements.events.add(first.event);
    return first.outcome;
  }
  const { row, outcome, event } = enqueued(old, dispatch, now);
  keepEnqueued(statements, row, event);
  return outcome;
}
