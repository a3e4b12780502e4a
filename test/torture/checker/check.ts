import type { History } from "./history.js";
import { ledgerOf } from "./ledger.js";
import { Examination, type Rule, type Violation } from "./rule.js";
import { cancels } from "./rules/cancels.js";
import { final } from "./rules/final.js";
import { leftBehind } from "./rules/left-behind.js";
import { lost } from "./rules/lost.js";
import { onTime } from "./rules/on-time.js";
import { oneAttempt } from "./rules/one-attempt.js";
import { order } from "./rules/order.js";
import { told } from "./rules/told.js";
import { words } from "./rules/words.js";
import { wrongHost } from "./rules/wrong-host.js";

export interface Limits {
  /** How long a poll that waits may wait beside something that waits for it. */
  readonly withinMs: number;
}

/** What became of one rule. */
export interface Verdict {
  readonly rule: string;
  readonly promise: string;
  /** How often it was put to the test. */
  readonly examined: number;
  readonly violations: readonly Violation[];
}

export function rulesWith({ withinMs }: Limits): readonly Rule[] {
  return [lost, wrongHost, oneAttempt, onTime(withinMs), final, order, words, cancels, told, leftBehind];
}

/** Holds a history to every rule. */
export function check(history: History, limits: Limits): readonly Verdict[] {
  const ledger = ledgerOf(history);
  return rulesWith(limits).map((rule) => {
    const examination = new Examination();
    rule.examine(ledger, examination);
    const { examined, violations } = examination;
    return { rule: rule.name, promise: rule.promise, examined, violations };
  });
}
