import { isAcknowledged, mayHaveHappened, onlyEnqueue } from "../facts.js";
import type { Told } from "../history.js";
import type { Story } from "../ledger.js";
import { replay } from "../life.js";
import type { Examination, Rule } from "../rule.js";

export const told: Rule = {
  name: "history is true",
  promise: "the server's own history is a possible one, ends in the state that it shows, and has what the clients saw",
  examine({ stories }, examination) {
    for (const story of stories.values()) {
      const { row, events } = story;
      if (row === undefined && events.length === 0) continue;
      const end = replay(events);
      const found = end instanceof Error ? end.message : `${end.state} ${end.attempt}`;
      examination.expect(found === `${row?.state} ${row?.attempt}`, `impossible: ${found}`, row, ...events);
      examineEnqueues(story, examination);
      examineReceptions(story, examination);
    }
  },
};

function examineEnqueues(story: Story, examination: Examination): void {
  const { enqueues, events } = story;
  const begun = count(events, "enqueued") + count(events, "replaced");
  const atLeast = enqueues.filter((enqueue) => isAcknowledged(enqueue) && enqueue.result !== "kept").length;
  const atMost = enqueues.filter(mayHaveHappened).length;
  const holds = begun >= atLeast && begun <= atMost;
  examination.expect(holds, `${begun} enqueues of ${atLeast} to ${atMost}`, ...enqueues, ...events);
}

function examineReceptions(story: Story, examination: Examination): void {
  const { receptions, words, events } = story;
  const proofs = count(events, "confirmed");
  examination.expect(proofs <= receptions.length, "confirmed, and never received", ...receptions, ...events);
  if (onlyEnqueue(story) === undefined) return;
  for (const reception of receptions) {
    const isTold = handOuts(events).some(({ attempt }) => attempt === (reception.result.attempt ?? attempt));
    examination.expect(isTold, "received, and not in the history", reception, ...events);
  }
  for (const word of words.filter(({ result }) => result === "ok")) {
    const isTold = events.some(({ kind }) => kind === eventAfter[word.kind]);
    examination.expect(isTold, "said, and not in the history", word, ...events);
  }
}

const eventAfter = { acknowledge: "acknowledged", reject: "rejected", extend: "extended" } as const;

function handOuts(events: readonly Told[]): readonly Told[] {
  return events.filter(({ kind }) => kind === "leased" || kind === "delivered");
}

function count(events: readonly Told[], kind: string): number {
  return events.filter((event) => event.kind === kind).length;
}
