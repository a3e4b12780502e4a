import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import { keyOf, type Step, type StepResult, stepped } from "../../dispatch/life.js";
import type { Session } from "./database.js";
import { tell } from "./history.js";
import type { MomentSource } from "./moment.js";
import type { Announcement } from "./notify.js";
import { hold, nameOf, updateRows } from "./rows.js";

export async function apply(
  session: Session,
  steps: readonly Step[],
  source: MomentSource,
  announcement: Announcement,
): Promise<readonly StepResult[]> {
  const { moment, rows } = await hold(session, uniqueKeys(steps), source);
  const now = new Map(rows.map((row) => [nameOf(row), row]));
  const changed = new Map<string, DispatchRow>();
  const events: NewEvent[] = [];
  const results = steps.map((step) => {
    const name = nameOf(keyOf(step));
    const result = stepped(now.get(name), step, moment);
    if (result.ok && result.change !== undefined) {
      now.set(name, result.change.row);
      changed.set(name, result.change.row);
      events.push(result.change.event);
    }
    return result;
  });
  await updateRows(session, [...changed.values()]);
  const again = [...changed.values()].filter(({ state }) => state === "pending").map(({ hostname }) => hostname);
  await tell(session, events, new Set(again), announcement);
  return results;
}

function uniqueKeys(steps: readonly Step[]) {
  return [...new Map(steps.map((step) => [nameOf(keyOf(step)), keyOf(step)])).values()];
}
