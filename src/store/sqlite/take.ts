import type { Taken } from "../../dispatch/dispatch.js";
import type { TakeWant } from "../../dispatch/ports.js";
import { takenFromRow } from "./row.js";
import type { Statements } from "./statements.js";

/** Runs inside the caller's transaction. A host with nothing pending writes nothing. */
export function take(statements: Statements, { hostname, limit }: TakeWant): Taken[] {
  const rows = statements.take.all({ hostname, limit });
  // RETURNING promises no order.
  if (rows.length > 1) rows.sort((a, b) => a.enqueuedAt - b.enqueuedAt || a.sequence - b.sequence);
  return rows.map(takenFromRow);
}
