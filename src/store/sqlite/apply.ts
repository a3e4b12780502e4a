import type { Moment } from "../../dispatch/instant.js";
import { keyOf, type Step, type StepResult, stepped } from "../../dispatch/life.js";
import { keep } from "./change.js";
import type { ReadyStatements } from "./ready-statements.js";

export function apply(statements: ReadyStatements, step: Step, moment: Moment): StepResult {
  const { hostname, rolloutId } = keyOf(step);
  const result = stepped(statements.find.get({ hostname, rolloutId }), step, moment);
  if (result.ok && result.change !== undefined) keep(statements, result.change);
  return result;
}
