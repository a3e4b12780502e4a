import type { NewEvent } from "../../dispatch/event.js";
import type { Change } from "../../dispatch/life.js";
import type { FoundRow } from "./kept-row.js";
import type { ReadyStatements } from "./ready-statements.js";

/**
 * Keeps a step of life, history included. Runs inside the caller's transaction, like everything that takes `ReadyStatements`.
 *
 * @param old the row as it was
 */
export function keep(statements: ReadyStatements, { lastEventId, rowid }: FoundRow, { row, event }: Change): void {
  if (row.state === "pending") statements.knownEmpty.forget(row.hostname);
  statements.update.run([{ row, lastEventId: statements.events.add(event, lastEventId), rowid }]);
}

/** Keeps a line of history that changes no row: it hangs on the last change, and the row stays as it is. */
export function keepNote(statements: ReadyStatements, note: NewEvent): void {
  statements.events.add(note, statements.lastEvent.get(note) ?? null);
}
