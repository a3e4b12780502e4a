import type { EnqueueOutcome, EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import { enqueued, superseded } from "../../dispatch/life.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { keep, keepEnqueued, keepNew } from "./change.js";
import type { ReadyStatements } from "./ready-statements.js";

export function enqueue(
  statements: ReadyStatements,
  dispatch: NewDispatch,
  { supersede, origin }: Pick<EnqueueGroup, "supersede" | "origin">,
  { moment, sequence }: { readonly moment: Moment; readonly sequence: number },
): EnqueueResult {
  const { hostname, rolloutId } = dispatch;
  const outcome = put(statements, dispatch, { moment, sequence, origin });
  if (!supersede) return { hostname, rolloutId, outcome, superseded: 0 };
  // A channel has no character that GLOB would take for a pattern.
  const pending = statements.pendingOfChannel.all({ hostname, channelPattern: `${channelOf(rolloutId)}@*` });
  const older = pending.filter((other) => other.rolloutId !== rolloutId);
  for (const other of older) keep(statements, superseded(other, dispatch, moment, origin));
  return { hostname, rolloutId, outcome, superseded: older.length };
}

function put(statements: ReadyStatements, dispatch: NewDispatch, now: Parameters<typeof enqueued>[2]): EnqueueOutcome {
  const first = enqueued(undefined, dispatch, now);
  if (keepNew(statements, first.row, first.event)) return first.outcome;
  const { row, outcome, event } = enqueued(statements.find.get(dispatch), dispatch, now);
  keepEnqueued(statements, row, event);
  return outcome;
}
