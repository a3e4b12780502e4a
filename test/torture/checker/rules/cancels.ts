import { isAcknowledged, mayBeSuperseded, mayHaveHappened, onlyEnqueue } from "../facts.js";
import type { Cancel, Enqueue } from "../history.js";
import { hostOf, type Ledger, type Story } from "../ledger.js";
import type { Rule } from "../rule.js";

export const cancels: Rule = {
  name: "cancels told truly",
  promise: "an operator who is told that a cancellation came too late is told so because somebody has the dispatch",
  examine(ledger, examination) {
    for (const story of ledger.stories.values()) {
      const enqueue = onlyEnqueue(story);
      if (enqueue === undefined || !isAcknowledged(enqueue)) continue;
      for (const cancel of story.cancels) {
        if (cancel.result === "too_late") {
          examination.expect(isTaken(ledger, story, cancel), "too late for nobody", enqueue, cancel, story.row);
        }
        if (cancel.result === "absent" && cancel.fromMs >= enqueue.toMs) {
          examination.expect(isOver(ledger, story, cancel, enqueue), "not found", enqueue, cancel, story.row);
        }
      }
    }
  },
};

/** For good: a lease that goes on can be ended. */
function isTaken(ledger: Ledger, { hostname, receptions, words, cancels }: Story, cancel: Cancel): boolean {
  const before = <T extends { readonly fromMs: number }>({ fromMs }: T) => fromMs <= cancel.toMs;
  // Of two cancellations at once the later may find the row cancelled.
  const isOther = cancels.some((other) => other !== cancel && other.result !== "too_late");
  const isSaid = words.some((word) => word.kind !== "extend" && mayHaveHappened(word) && before(word));
  const isReceived = receptions.some((reception) => reception.leaseMs === undefined && before(reception));
  const isSwallowed = hostOf(ledger, hostname).swallowing.some((take) => take.leaseMs === undefined && before(take));
  return isOther || isSaid || isReceived || isSwallowed;
}

/** Over without that anybody has it: nothing that a cancellation could come too late for. */
function isOver(ledger: Ledger, { row, cancels }: Story, cancel: Cancel, enqueue: Enqueue): boolean {
  const isOther = cancels.some((other) => other !== cancel && other.result !== "refused");
  return isOther || row?.state === "dead" || mayBeSuperseded(ledger, enqueue);
}
