import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventKinds } from "../../src/dispatch/event.js";
import { Model } from "./model.js";
import { mutants } from "./mutants.js";
import { type Operation, operations, reopening } from "./operations.js";
import { type OpenStore, stores } from "./stores.js";
import { Subject } from "./subject.js";

/** One operation on both, whose answers and whose every row and event must be the same then. */
class Both implements fc.AsyncCommand<Model, Subject> {
  readonly #operation: Operation;

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, subject: Subject): Promise<void> {
    const answer = await subject.do(this.#operation);
    expect(answer).toEqual(model.do(this.#operation));
    expect(await subject.seen()).toEqual(model.seen());
  }

  toString(): string {
    return JSON.stringify(this.#operation);
  }
}

/** @param kinds gets the kinds of events that came up */
function behavesLikeTheModel(
  open: () => Promise<OpenStore>,
  { also = [], kinds = new Set() }: { also?: fc.Arbitrary<Operation>[]; kinds?: Set<string> } = {},
) {
  const both = [...operations, ...also].map((operation) => operation.map((one) => new Both(one)));
  return fc.asyncProperty(fc.commands(both, { maxCommands: 60, size: "max" }), async (commands) => {
    const opened = await open();
    const subject = new Subject(opened);
    try {
      await fc.asyncModelRun(() => ({ model: new Model(opened.clock.nowMs()), real: subject }), commands);
    } finally {
      for (const kind of subject.kinds) kinds.add(kind);
      await subject.close();
    }
  });
}

describe("a store, whatever is done to it in whatever order,", () => {
  test.each([
    ["memory", 600, []],
    ["sqlite", 50, [reopening]],
    ["postgres", 30, [reopening]],
  ] as const)("behaves like the model: %s, %i runs or more", async (name, numRuns, also) => {
    const kinds = new Set<string>();
    // Until every way that there is was gone at least once. What is flushed concerns no state.
    const all = eventKinds.filter((kind) => kind !== "flushed").sort();
    for (let rounds = 0; rounds < 10 && kinds.size < all.length; rounds += 1) {
      await fc.assert(behavesLikeTheModel(stores[name], { also: [...also], kinds }), { numRuns });
    }
    expect([...kinds].sort()).toEqual(all);
  });

  test.each(Object.entries(mutants))("control: one that %s is found out", async (_, open) => {
    const { failed } = await fc.check(behavesLikeTheModel(open), { numRuns: 2_000, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
