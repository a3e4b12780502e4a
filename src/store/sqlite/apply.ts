import type { Moment } from "../../dispatch/instant.js";
import { keyOf, type Step, type StepResult, stepped } from "../../dispatch/life.js";
import { keep } from "./change.js";
import type { ReadyStatements } from "./ready-statements.js";

export function apply(statements: ReadyStatements, step: Step, moment: Moment): StepResult {
  const { hostname, rolloutId } = keyOf(step);
  const old = statements.find.get({ hostname, rolloutId });
  const result = stepped(old?.row, step, moment);
  if (old !== undefined && result.ok && result.change !== undefined) keep(statements, old, result.change);
  return result;
}
