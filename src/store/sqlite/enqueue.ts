import type { EnqueueOutcome, EnqueueResult, NewDispatch, Taken } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import { enqueued, superseded, type Taker } from "../../dispatch/life.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { type Candidate, candidate, takeSome } from "./candidate.js";
import { keep } from "./change.js";
import { isFresh } from "./kept-row.js";
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
  const asNew = (dispatch: NewDispatch) => {
    const now = { moment, origin, sequence: nextSequence() };
    return candidate(statements, dispatch, now, alongWith?.takers.get(dispatch.hostname));
  };
  // Several at once would be superseded by each other whatever their order.
  if (supersede) return dispatches.map((dispatch) => putAlone(statements, asNew(dispatch)));
  const results: EnqueueResult[] = [];
  const { count } = statements.insertFresh;
  for (let i = 0; i < dispatches.length; i += count) {
    const some = dispatches.slice(i, i + count).map(asNew);
    const handed = alongWith === undefined ? some : takeSome(statements, some, alongWith.newToken);
    results.push(...putSome(statements, handed, alongWith));
  }
  return results;
}

function putSome(statements: ReadyStatements, some: readonly Candidate[], alongWith?: TakingAlong): EnqueueResult[] {
  const areNew = insertFresh(statements, some);
  if (areNew) begin(statements, some, alongWith);
  return some.map((one) => {
    const { hostname, rolloutId } = one.dispatch;
    const outcome = areNew ? one.outcome : put(statements, one, alongWith);
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
  const isNew = statements.insert.run([kept]) > 0;
  const old = isNew ? undefined : statements.find.get(dispatch);
  // Or it went in with others, not all of which were new.
  if (isNew || old?.row.sequence === now.sequence) {
    begin(statements, [one], alongWith);
    return one.outcome;
  }
  const { row, outcome, event } = enqueued(old?.row, dispatch, now);
  const before = old?.lastEventId ?? null;
  statements.knownEmpty.forget(dispatch.hostname);
  statements.counts.moved(old?.row.state, row.state);
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

/** Their rows are in the table; their history begins. */
function begin(statements: ReadyStatements, some: readonly Candidate[], alongWith: TakingAlong | undefined): void {
  const { events, counts } = statements;
  for (const one of some) if (one.enqueued !== undefined) events.addNumbered(one.enqueued);
  for (const one of some) {
    counts.moved(undefined, one.kept.row.state);
    if (one.taken === undefined) continue;
    events.addNumbered(one.taken);
    alongWith?.onTaken(takenFrom(one.kept.row, one.taken.id));
  }
}
