import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { NewEvent } from "../../dispatch/event.js";
import type { Change } from "../../dispatch/life.js";
import type { ReadyStatements } from "./ready-statements.js";

/** Keeps a step of life, history included. Runs inside the caller's transaction, like everything that takes `ReadyStatements`. */
export function keep(statements: ReadyStatements, { row, event }: Change): void {
  statements.update.run(row);
  statements.events.add(event);
}

/** Keeps what an enqueue makes of a pair that is new. @returns false, and keeps nothing, if it is not new */
export function keepNew(statements: ReadyStatements, row: DispatchRow, event: NewEvent | undefined): boolean {
  if (statements.insert.run(row) === 0) return false;
  if (event !== undefined) statements.events.add(event);
  return true;
}

/** Keeps what an enqueue makes of a row. */
export function keepEnqueued(statements: ReadyStatements, row: DispatchRow, event: NewEvent | undefined): void {
  statements.upsert.run(row);
  if (event !== undefined) statements.events.add(event);
}
