import type { EnqueueResult, NewDispatch } from "../../dispatch/dispatch.js";
import type { Moment } from "../../dispatch/instant.js";
import { enqueued, superseded } from "../../dispatch/life.js";
import type { EnqueueGroup } from "../../dispatch/ports.js";
import { channelOf } from "../../dispatch/rollout.js";
import { keep, keepEnqueued } from "./change.js";
import type { Statements } from "./statements.js";

export function enqueue(
  statements: Statements,
  dispatch: NewDispatch,
  { supersede, origin }: Pick<EnqueueGroup, "supersede" | "origin">,
  { moment, sequence }: { readonly moment: Moment; readonly sequence: number },
): EnqueueResult {
  const { hostname, rolloutId } = dispatch;
  const old = statements.find.get({ hostname, rolloutId });
  const { row, outcome, event } = enqueued(old, dispatch, { sequence, moment, origin });
  keepEnqueued(statements, row, event);
  if (!supersede) return { hostname, rolloutId, outcome, superseded: 0 };
  // A channel has no character that GLOB would take for a pattern.
  const pending = statements.pendingOfChannel.all({ hostname, channelPattern: `${channelOf(rolloutId)}@*` });
  const older = pending.filter((other) => other.rolloutId !== rolloutId);
  for (const other of older) keep(statements, superseded(other, dispatch, moment, origin));
  return { hostname, rolloutId, outcome, superseded: older.length };
}
