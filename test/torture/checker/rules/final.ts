import { mayHaveHappened, onlyEnqueue } from "../facts.js";
import type { Cancel, Word } from "../history.js";
import type { Story } from "../ledger.js";
import type { Examination, Rule } from "../rule.js";

export const final: Rule = {
  name: "final is final",
  promise:
    "what was acknowledged, rejected or cancelled stays so, and is handed out no more, until it is enqueued again",
  examine({ stories }, examination) {
    for (const story of stories.values()) {
      const ends = [...story.words.filter(isEnd), ...story.cancels.filter(({ result }) => result === "cancelled")];
      for (const end of ends) {
        if (isEnqueuedSince(story, end)) continue;
        examineAfter(story, end, examination);
        if (onlyEnqueue(story) !== undefined) examineOthers(story, end, ends, examination);
      }
    }
  },
};

type End = Word | Cancel;

const stateAfter: Readonly<Record<End["kind"], string>> = {
  acknowledge: "acknowledged",
  reject: "rejected",
  cancel: "cancelled",
  extend: "leased",
};

function isEnd({ kind, result }: Word): boolean {
  return kind !== "extend" && result === "ok";
}

/** It may have begun anew since. */
function isEnqueuedSince({ enqueues }: Story, { fromMs }: End): boolean {
  return enqueues.some((enqueue) => mayHaveHappened(enqueue) && enqueue.toMs >= fromMs);
}

function examineAfter(story: Story, end: End, examination: Examination): void {
  const state = stateAfter[end.kind];
  examination.expect(story.row?.state === state, `${state}, and then not`, end, story.row, ...story.events);
  const after = story.receptions.find(({ fromMs }) => fromMs >= end.toMs);
  examination.expect(after === undefined, `handed out although ${state}`, end, after);
}

/** Only one end can have come first; the others have to be told that they came too late. */
function examineOthers(story: Story, end: End, ends: readonly End[], examination: Examination): void {
  const other = ends.find(({ kind }) => kind !== end.kind);
  examination.expect(other === undefined, "two different ends", end, other);
  if (end.kind === "cancel" || end.attempt === undefined) return;
  const { attempt } = end;
  const next = story.receptions.find(({ result }) => (result.attempt ?? 0) > attempt);
  examination.expect(next === undefined, "another attempt after the end", end, next);
}
