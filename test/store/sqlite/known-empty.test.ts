import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Taken } from "../../../src/dispatch/dispatch.js";
import { KnownEmpty } from "../../../src/store/sqlite/known-empty.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, host, newDispatch, taker, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();

describe("a host that is known to have nothing", () => {
  let clock: FakeClock;
  let store: SqliteStore;
  beforeEach(() => {
    clock = new FakeClock();
    store = openStore(path(), clock);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store.close();
  });

  /** The first look of a server clears up whether anything has an end; what comes after it counts. */
  async function becomeKnown(): Promise<void> {
    for (let i = 0; i < 2; i++) expect(await look()).toBeUndefined();
  }

  /** What a poll of web-01 that has just come is handed. */
  async function look(): Promise<Taken | undefined> {
    const { taken } = await store.take([want("web-01")]);
    return taken[0]?.[0];
  }

  const comesToWait: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["is enqueued", () => store.enqueue([group(newDispatch("web-01"))])],
    ["is enqueued among others", () => store.enqueue([group(...manyHosts().map((name) => newDispatch(name)))])],
    ["supersedes", () => store.enqueue([{ ...group(newDispatch("web-01", "stable@bb")), supersede: true }])],
    [
      "is enqueued with one that a poll takes along",
      () =>
        store.enqueueAndTake(
          [group(newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb"))],
          [want("web-01", taker({ kind: "once" }, 10))],
        ),
    ],
    ["ends a lease", () => leaseThatEnds()],
  ];

  async function leaseThatEnds(): Promise<void> {
    await store.enqueue([group(newDispatch("web-01"))]);
    await store.take([want("web-01", taker({ kind: "lease", leaseMs: 1_000 }))]);
    clock.advance(1_000);
    await store.settleDue(10);
  }

  test.each(comesToWait)("gets what %s after that", async (_, come) => {
    await becomeKnown();
    await come();
    expect(await look()).toBeDefined();
  });

  test("gets what was enqueued anew, and what was given back", async () => {
    await store.enqueue([group(newDispatch("web-01"))]);
    const first = await look();
    expect(await look()).toBeUndefined();
    if (first === undefined) throw new Error("nothing was taken");
    await store.apply([{ kind: "giveBack", take: first.take }]);
    expect(await look()).toBeDefined();
    expect(await look()).toBeUndefined();
    await store.enqueue([group(newDispatch("web-01", undefined, "newer"))]);
    expect((await look())?.dispatch.targetClosure).toContain("newer");
  });

  test("has nothing after an enqueue that came to nothing", async () => {
    await becomeKnown();
    const failing = group(newDispatch("web-01"), newDispatch("web-02"));
    const broken = {
      ...failing,
      dispatches: [...failing.dispatches, { ...newDispatch("web-03"), maxAttempts: Number.NaN }],
    };
    await expect(store.enqueue([broken])).rejects.toThrow();
    expect(await look()).toBeUndefined();
  });

  test("control: without a word of what comes it is not looked up, but for polls that are parked", async () => {
    vi.spyOn(KnownEmpty.prototype, "forget").mockImplementation(() => undefined);
    await becomeKnown();
    await store.enqueue([group(newDispatch("web-01"))]);
    expect(await look()).toBeUndefined();
    const { taken } = await store.take([want("web-01", taker({ kind: "once" }, 10))]);
    expect(taken[0]).toHaveLength(1);
  });

  test("gets what waits, whatever happened in which order", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40 }), async (operations) => {
        const own = openStore(`${path()}-${runs++}`);
        const outstanding: Taken[] = [];
        for (const one of operations) await perform(own, one, outstanding);
        await own.close();
      }),
      { numRuns: 100 },
    );
  });
});

function manyHosts(): string[] {
  return Array.from({ length: 40 }, (_, i) => `web-${String(i).padStart(2, "0")}`);
}

const hostnames = ["web-01", "web-02", "web-03"];
const pair = fc.record({ name: fc.constantFrom(...hostnames), rollout: fc.constantFrom("s@1", "s@2", "t@1") });
const operation = fc.oneof(
  fc.record({
    kind: fc.constant("enqueue" as const),
    pairs: fc.uniqueArray(pair, { minLength: 1, maxLength: 3, selector: ({ name, rollout }) => `${name} ${rollout}` }),
    closure: fc.constantFrom("old", "new"),
    supersede: fc.boolean(),
    /** Hosts with a poll that is parked and takes along. */
    parked: fc.subarray(hostnames),
  }),
  fc.record({
    kind: fc.constant("take" as const),
    name: fc.constantFrom(...hostnames),
    polls: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ kind: fc.constant("giveBack" as const) }),
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function perform(store: SqliteStore, one: Operation, outstanding: Taken[]): Promise<void> {
  if (one.kind === "enqueue") {
    const dispatches = one.pairs.map(({ name, rollout }) => newDispatch(name, rollout, one.closure));
    const groups = [{ ...group(...dispatches), supersede: one.supersede }];
    const wants = one.parked.map((name) => want(name, taker({ kind: "once" }, 10)));
    const both = await store.enqueueAndTake(groups, wants);
    outstanding.push(...(both?.taken ?? []).flat());
  } else if (one.kind === "take") {
    const waiting = (await store.list({ hostname: host(one.name), states: ["pending"] }, undefined, 10)).length;
    const { taken } = await store.take([want(one.name, ...Array.from({ length: one.polls }, () => taker()))]);
    expect(taken[0]).toHaveLength(Math.min(waiting, one.polls));
    outstanding.push(...taken.flat());
  } else {
    const last = outstanding.pop();
    if (last !== undefined) await store.apply([{ kind: "giveBack", take: last.take }]);
  }
}
