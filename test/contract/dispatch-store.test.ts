import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NewDispatch, Taken } from "../../src/dispatch/dispatch.js";
import { instantFromMicros } from "../../src/dispatch/instant.js";
import type { TakeWant } from "../../src/dispatch/ports.js";
import { host, newDispatch } from "../support/dispatches.js";
import { type OpenStore, stores } from "./stores.js";

describe.each(Object.entries(stores))("the %s store", (name, open) => {
  let opened: OpenStore;
  beforeEach(() => {
    opened = open();
  });
  afterEach(() => opened.close());

  const enqueue = async (...group: NewDispatch[]) => {
    const [receipt] = await opened.store.enqueue([group]);
    return receipt?.results.map((result) => result.outcome);
  };
  const take = async (hostname: string, limit = 1) => {
    const [taken] = await opened.store.take([{ hostname: host(hostname), limit }]);
    return taken ?? [];
  };
  const rollouts = (taken: readonly Taken[]) => taken.map(({ dispatch }) => dispatch.rolloutId);

  test("gives back what was enqueued, to the microsecond", async () => {
    const soakDueAt = instantFromMicros(1_778_894_999_123_457);
    if (soakDueAt === undefined) throw new Error("bad test");
    const dispatch = { ...newDispatch("web-01"), soakDueAt };
    await enqueue(dispatch);
    const [taken] = await take("web-01");
    expect(taken?.dispatch).toEqual({ ...dispatch, enqueuedAt: opened.clock.nowMs() * 1000 });
  });

  test("takes the host's oldest first, one per want, and each once", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    opened.clock.advance(1);
    await enqueue(newDispatch("web-01", "stable@bb"), newDispatch("web-01", "stable@cc"));
    expect(rollouts(await take("web-01"))).toEqual(["stable@aa"]);
    expect(rollouts(await take("web-01"))).toEqual(["stable@bb"]);
    expect(rollouts(await take("web-01"))).toEqual(["stable@cc"]);
    expect(await take("web-01")).toEqual([]);
  });

  test("takes as many as asked for, oldest first", async () => {
    await enqueue(
      newDispatch("web-01", "stable@aa"),
      newDispatch("web-01", "stable@bb"),
      newDispatch("web-01", "c@cc"),
    );
    expect(rollouts(await take("web-01", 2))).toEqual(["stable@aa", "stable@bb"]);
    expect(rollouts(await take("web-01", 2))).toEqual(["c@cc"]);
  });

  test("orders by enqueued_at even when the clock was set back in between", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    opened.clock.setWall(opened.clock.nowMs() - 3_600_000);
    await enqueue(newDispatch("web-01", "stable@bb"));
    expect(rollouts(await take("web-01", 2))).toEqual(["stable@bb", "stable@aa"]);
  });

  test("answers a batch want by want", async () => {
    await enqueue(newDispatch("web-01"), newDispatch("web-03"));
    const wants: TakeWant[] = ["web-01", "web-02", "web-03"].map((name) => ({ hostname: host(name), limit: 1 }));
    const taken = await opened.store.take(wants);
    expect(taken.map((each) => each.map(({ dispatch }) => dispatch.hostname))).toEqual([["web-01"], [], ["web-03"]]);
  });

  test("never touches another host's rows", async () => {
    await enqueue(newDispatch("web-01"), newDispatch("web-010"), newDispatch("web"));
    await take("web-01", 10);
    expect(rollouts(await take("web-010"))).toHaveLength(1);
    expect(rollouts(await take("web"))).toHaveLength(1);
  });

  test("an enqueue of the same pair replaces closure, soak and instant, and says so", async () => {
    expect(await enqueue(newDispatch("web-01", "stable@aa", "old"))).toEqual(["created"]);
    opened.clock.advance(5);
    expect(await enqueue(newDispatch("web-01", "stable@aa", "new"))).toEqual(["replaced"]);
    const taken = await take("web-01", 10);
    expect(taken.map(({ dispatch }) => [dispatch.targetClosure, dispatch.enqueuedAt])).toEqual([
      ["/nix/store/new", opened.clock.nowMs() * 1000],
    ]);
  });

  test("of two of one pair in one enqueue the later counts", async () => {
    const outcomes = await enqueue(newDispatch("web-01", "s@aa", "first"), newDispatch("web-01", "s@aa", "second"));
    expect(outcomes).toEqual(["created", "replaced"]);
    const taken = await take("web-01", 10);
    expect(taken.map(({ dispatch }) => dispatch.targetClosure)).toEqual(["/nix/store/second"]);
  });

  test("a pair that was delivered can be enqueued anew, as a created one", async () => {
    await enqueue(newDispatch("web-01"));
    await take("web-01");
    expect(await enqueue(newDispatch("web-01"))).toEqual(["created"]);
    const [again] = await take("web-01");
    expect(again?.take.attempt).toBe(1);
  });

  test("a dispatch given back is the host's again, in its old place and with its next attempt", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    opened.clock.advance(1);
    await enqueue(newDispatch("web-01", "stable@bb"));
    const [first] = await take("web-01");
    if (first === undefined) throw new Error("nothing taken");
    expect(await opened.store.giveBack([first.take])).toEqual([true]);
    const again = await take("web-01", 10);
    expect(again.map(({ dispatch, take }) => [dispatch.rolloutId, take.attempt])).toEqual([
      ["stable@aa", 2],
      ["stable@bb", 1],
    ]);
  });

  test("a dispatch is given back once, and not for an older take", async () => {
    await enqueue(newDispatch("web-01"));
    const [first] = await take("web-01");
    if (first === undefined) throw new Error("nothing taken");
    await opened.store.giveBack([first.take]);
    expect(await opened.store.giveBack([first.take])).toEqual([false]);
    await take("web-01");
    expect(await opened.store.giveBack([first.take])).toEqual([false]);
    expect(await take("web-01")).toEqual([]);
  });

  test("a dispatch that was replaced meanwhile is not given back", async () => {
    await enqueue(newDispatch("web-01", "stable@aa", "old"));
    const [first] = await take("web-01");
    if (first === undefined) throw new Error("nothing taken");
    await enqueue(newDispatch("web-01", "stable@aa", "new"));
    await take("web-01");
    expect(await opened.store.giveBack([first.take])).toEqual([false]);
    expect(await take("web-01")).toEqual([]);
  });

  test("groups of one commit are answered one by one and get one instant", async () => {
    const receipts = await opened.store.enqueue([[newDispatch("web-01")], [newDispatch("web-02"), newDispatch("a")]]);
    expect(receipts.map(({ results }) => results.map(({ hostname }) => hostname))).toEqual([
      ["web-01"],
      ["web-02", "a"],
    ]);
    expect(new Set(receipts.map(({ enqueuedAt }) => enqueuedAt)).size).toBe(1);
  });

  test("says that it is well", async () => {
    await expect(opened.store.check()).resolves.toBeUndefined();
  });

  // The model would agree with itself.
  if (name === "memory") return;
  test("behaves like the model, whatever is done to it in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), (ops) => behavesLikeMemory(open, ops)),
      {
        numRuns: 60,
      },
    );
  });
});

type Operation =
  | { readonly kind: "enqueue"; readonly host: number; readonly rollout: number; readonly closure: number }
  | { readonly kind: "take"; readonly host: number; readonly limit: number }
  | { readonly kind: "giveBack"; readonly which: number }
  | { readonly kind: "advance"; readonly ms: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("enqueue" as const),
    host: fc.nat(2),
    rollout: fc.nat(3),
    closure: fc.nat(100),
  }),
  fc.record({ kind: fc.constant("take" as const), host: fc.nat(2), limit: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("giveBack" as const), which: fc.nat(10) }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: -5, max: 5 }) }),
);

/** Runs the same operations on a store and on the one in memory, and compares every answer. */
async function behavesLikeMemory(open: () => OpenStore, operations: readonly Operation[]): Promise<void> {
  const real = open();
  const model = stores.memory?.();
  if (model === undefined) throw new Error("no model");
  try {
    expect(await answers(real, operations)).toEqual(await answers(model, operations));
  } finally {
    await real.close();
  }
}

async function answers({ store, clock }: OpenStore, operations: readonly Operation[]): Promise<unknown[]> {
  const taken: Taken[] = [];
  const seen: unknown[] = [];
  for (const op of operations) {
    if (op.kind === "enqueue") {
      const dispatch = newDispatch(`web-${op.host}`, `stable@${op.rollout}`, `closure-${op.closure}`);
      seen.push(await store.enqueue([[dispatch]]));
    } else if (op.kind === "take") {
      const [rows = []] = await store.take([{ hostname: host(`web-${op.host}`), limit: op.limit }]);
      taken.push(...rows);
      seen.push(rows);
    } else if (op.kind === "giveBack") {
      const one = taken[op.which];
      seen.push(one && (await store.giveBack([one.take])));
    } else {
      clock.setWall(clock.nowMs() + op.ms);
    }
  }
  return seen;
}
