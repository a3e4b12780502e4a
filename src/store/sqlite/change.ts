import type { Note } from "../../dispatch/event.js";
import type { Change } from "../../dispatch/life.js";
import type { FoundRow } from "./kept-row.js";
import type { ReadyStatements } from "./ready-statements.js";

/**
 * Keeps a step of life, history included. Runs inside the caller's transaction, like everything that takes `ReadyStatements`.
 *
 * @param old the row as it was
 * @returns the number of the event
 */
export function keep(statements: ReadyStatements, old: FoundRow, { row, event }: Change): number {
  if (row.state === "pending") statements.knownEmpty.forget(row.hostname);
  const eventId = statements.events.add(event, old.lastEventId);
  statements.counts.moved(old.row.state, row.state);
  statements.update.run([{ row, lastEventId: eventId, rowid: old.rowid }]);
  return eventId;
}

/** Keeps a line of history that changes no row: it hangs on the last change, and the row stays as it is. */
export function keepNote(statements: ReadyStatements, note: Note): void {
  statements.events.addNote(note, (key) => statements.lastEvent.get(key) ?? null);
}
