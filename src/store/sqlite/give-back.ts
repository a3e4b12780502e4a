import type { TakeKey } from "../../dispatch/dispatch.js";
import type { Statements } from "./statements.js";

/** Runs inside the caller's transaction. @returns whether the row is pending again */
export function giveBack(statements: Statements, { hostname, rolloutId, sequence, attempt }: TakeKey): boolean {
  return statements.giveBack.run({ hostname, rolloutId, sequence, attempt }).changes > 0;
}
