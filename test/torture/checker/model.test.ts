import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TakeTerms } from "../../../src/dispatch/lease.js";
import { Model } from "../../contract/model.js";
import { mutants } from "../../contract/mutants.js";
import type { OnTake, Operation } from "../../contract/operations.js";
import { type OpenStore, stores } from "../../contract/stores.js";
import { Subject } from "../../contract/subject.js";
import { check, type Verdict } from "./check.js";
import type { History } from "./history.js";
import { Played, type Player } from "./played.js";

/**
 * The checker against the model that stores are held to: it has nothing to say against the model, nor against a store, and
 * it finds out the stores that are wrong in one point, by what their clients see of it.
 */
const hosts = ["web-01", "web-02"];
const host = fc.constantFrom(...hosts);
// Of most there is one enqueue only: the strictest rules are about those.
const rollout = fc.integer({ min: 0, max: 15 }).map((n) => `${n % 4 === 0 ? "t" : "s"}@${n.toString(16)}`);

const planned = fc.record({
  host,
  rollout,
  closure: fc.constantFrom("old", "old", "new"),
  soakInMs: fc.constant(1_000),
  notBeforeInMs: fc.constant(null),
  notAfterInMs: fc.constant(null),
  maxAttempts: fc.constantFrom(1, 2, 10),
});

/** What clients do, one thing after the other. Nobody gives back or confirms: that is the server's. */
function clientOperations(plain: TakeTerms): fc.Arbitrary<Operation>[] {
  const terms = fc.constantFrom<TakeTerms>(plain, { kind: "lease", leaseMs: 1_000 }, { kind: "lease", leaseMs: 3_000 });
  const wants = fc.record({ host, terms: fc.array(terms, { minLength: 1, maxLength: 2 }) });
  const take = fc.record({
    kind: fc.constant("take" as const),
    wants: fc.uniqueArray(wants, { minLength: 1, selector: (want) => want.host }),
  });
  const enqueue = fc.record({
    kind: fc.constant("enqueue" as const),
    dispatches: fc.uniqueArray(planned, {
      minLength: 1,
      maxLength: 3,
      selector: (one) => `${one.host} ${one.rollout}`,
    }),
    supersede: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  });
  const word = fc.record({
    kind: fc.constantFrom<OnTake["kind"][]>("acknowledge", "acknowledge", "reject", "extend"),
    before: fc.nat(3),
    token: fc.constant("own" as const),
  });
  const advance = fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(1, 999, 1_000, 3_000) });
  const cancel = fc.record({ kind: fc.constant("cancel" as const), host, rollout });
  return [enqueue, enqueue, take, take, take, word, word, advance, advance, cancel];
}

const deliveries = [
  { plain: { kind: "once" }, delivery: { kind: "once" } },
  { plain: { kind: "confirmed", withinMs: 1_000 }, delivery: { kind: "confirmed", withinMs: 1_000 } },
] as const;

async function verdictsOn(
  player: Player,
  operations: readonly Operation[],
  delivery: History["delivery"],
): Promise<readonly Verdict[]> {
  const played = new Played(player);
  for (const operation of operations) await played.play(operation);
  await played.fetchAll(hosts);
  return check({ delivery, entries: played.entries, ending: await played.ending() }, { withinMs: 1_000 });
}

function broken(verdicts: readonly Verdict[]) {
  return verdicts.filter(({ violations }) => violations.length > 0);
}

function operationsFor(plain: TakeTerms) {
  return fc.array(fc.oneof(...clientOperations(plain)), { maxLength: 80, size: "max" });
}

function nothingBroken(open: () => Promise<OpenStore>, { plain, delivery }: (typeof deliveries)[number]) {
  return fc.asyncProperty(operationsFor(plain), async (operations) => {
    const subject = new Subject(await open());
    try {
      expect(broken(await verdictsOn(subject, operations, delivery))).toEqual([]);
    } finally {
      await subject.close();
    }
  });
}

describe.each(deliveries)("with delivery $delivery.kind, the checker has nothing to say against", (way) => {
  test("the model, and puts every rule to the test on it but the one about time", async () => {
    const examined = new Map<string, number>();
    const property = fc.asyncProperty(operationsFor(way.plain), async (operations) => {
      const verdicts = await verdictsOn(new Model(Date.UTC(2026, 4, 16)), operations, way.delivery);
      for (const { rule, examined: more } of verdicts) examined.set(rule, (examined.get(rule) ?? 0) + more);
      expect(broken(verdicts)).toEqual([]);
    });
    await fc.assert(property, { numRuns: 300 });
    // Polls that do not wait prove nothing about it.
    examined.delete("on time");
    expect([...examined.values()].every((count) => count > 0)).toBe(true);
  });

  test.each([
    ["memory", 200],
    ["sqlite", 20],
  ] as const)("a store: %s, %i runs", async (name, numRuns) => {
    await fc.assert(nothingBroken(stores[name], way), { numRuns });
  });
});

test.each([
  "forgets to count attempts",
  "hands out the newest first",
  "lets a late acknowledgement pass",
  "forgets an event",
  "gives up one attempt late",
  "supersedes unasked",
])("control: a store that %s is found out by what its clients see", async (name) => {
  const open = mutants[name];
  if (open === undefined) throw new Error(`no mutant ${name}`);
  const { failed } = await fc.check(nothingBroken(open, deliveries[0]), { numRuns: 2_000, endOnFailure: true });
  expect(failed).toBe(true);
});
