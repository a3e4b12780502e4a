import { leaseEndOf, mayBeCancelled, onlyEnqueue, wordsOn } from "../facts.js";
import type { Word } from "../history.js";
import type { Ledger, Reception, Story } from "../ledger.js";
import type { Examination, Rule } from "../rule.js";

export const words: Rule = {
  name: "words count in time",
  promise: "an agent's word counts while its lease lasts, and not afterwards",
  examine(ledger, examination) {
    for (const story of ledger.stories.values()) {
      if (onlyEnqueue(story) === undefined) continue;
      for (const reception of story.receptions) {
        if (reception.result.attempt === undefined) continue;
        for (const word of wordsOn(story, reception)) examineWord(ledger, story, reception, word, examination);
      }
    }
  },
};

function examineWord(ledger: Ledger, story: Story, reception: Reception, word: Word, examination: Examination): void {
  // What was said before may have ended it, and repeating that is right. Extensions move the end: see below.
  const before = wordsOn(story, reception).filter((other) => other !== word && other.fromMs <= word.toMs);
  if (before.some(({ kind, result }) => kind !== "extend" && result !== "refused")) return;
  const saidBefore = { ...story, words: before };
  const end = leaseEndOf(ledger, saidBefore, reception);
  if (end === undefined) return;
  if (word.result === "ok") {
    const next = story.receptions.find(({ result }) => (result.attempt ?? 0) > (word.attempt ?? 0));
    const isRetaken = next !== undefined && next.toMs <= word.fromMs;
    examination.expect(word.fromMs <= end.latestMs && !isRetaken, "counted after its lease", reception, word, next);
  }
  if (word.result === "over" && word.toMs < end.earliestMs && !mayBeCancelled(story, word.toMs)) {
    examination.expect(false, "did not count although its lease lasted", reception, word, ...story.events);
  }
}
