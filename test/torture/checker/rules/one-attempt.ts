import { leaseEndOf, onlyEnqueue } from "../facts.js";
import type { Ledger, Reception, Story } from "../ledger.js";
import type { Examination, Rule } from "../rule.js";

export const oneAttempt: Rule = {
  name: "one live attempt",
  promise: "while an attempt is live nobody else has the dispatch; attempts are numbered, up to the last one allowed",
  examine(ledger, examination) {
    for (const story of ledger.stories.values()) {
      const enqueue = onlyEnqueue(story);
      if (enqueue === undefined) continue;
      examineNumbers(story.receptions, enqueue.maxAttempts, examination);
      for (const [i, reception] of story.receptions.entries()) {
        for (const earlier of story.receptions.slice(0, i)) {
          examination.expect(!areBothLive(ledger, story, earlier, reception), "two live attempts", earlier, reception);
        }
      }
    }
  },
};

function examineNumbers(receptions: readonly Reception[], maxAttempts: number, examination: Examination): void {
  const numbers = new Map<number, Reception>();
  for (const reception of receptions) {
    const { attempt } = reception.result;
    if (attempt === undefined) continue;
    examination.expect(!numbers.has(attempt), `attempt ${attempt} twice`, numbers.get(attempt), reception);
    examination.expect(attempt <= maxAttempts, `attempt ${attempt} of ${maxAttempts}`, reception);
    numbers.set(attempt, reception);
  }
}

/** For sure: the later was taken after the earlier had arrived, and before that one's lease can have ended. */
function areBothLive(ledger: Ledger, story: Story, earlier: Reception, later: Reception): boolean {
  const end = leaseEndOf(ledger, story, earlier);
  if (end !== undefined) return later.fromMs >= earlier.toMs && later.toMs < end.earliestMs;
  // Delivered at once, which is for good. Two that overlap cannot be put in order, unless they are of a kind.
  return later.fromMs >= earlier.toMs || leaseEndOf(ledger, story, later) === undefined;
}
