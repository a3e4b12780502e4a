import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Change } from "../../dispatch/life.js";
import type { Statements } from "./statements.js";

/** Keeps a step of life, history included. Runs inside the caller's transaction, like everything that takes `Statements`. */
export function keep(statements: Statements, { row, event }: Change): void {
  statements.update.run({ ...row });
  addEvent(statements, event);
}

/** Keeps what an enqueue makes of a row. */
export function keepEnqueued(statements: Statements, row: DispatchRow, event: NewEvent | undefined): void {
  statements.upsert.run({ ...row });
  if (event !== undefined) addEvent(statements, event);
}

export function addEvent(statements: Statements, event: NewEvent): void {
  statements.addEvent.run({ ...event });
}
