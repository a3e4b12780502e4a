import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { DispatchState, Taken } from "../../../src/dispatch/dispatch.js";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import { StateCounts } from "../../../src/store/sqlite/state-counts.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, newDispatch, origin, rollout, taker, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();
const hosts = ["web-01", "web-02", "web-03"] as const;

const operation = fc.record({
  what: fc.constantFrom(
    ...(["enqueue", "supersede", "take along", "take", "lease", "acknowledge", "reject", "give back"] as const),
    ...(["cancel", "advance", "settle", "prune", "fail"] as const),
  ),
  name: fc.constantFrom(...hosts),
  ref: fc.constantFrom("s@1", "s@2", "t@1"),
  isShort: fc.boolean(),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly #clock = new FakeClock();
  readonly store: SqliteStore;
  readonly #path: string;
  #last: Taken | undefined;

  constructor(path: string) {
    this.#path = path;
    this.store = openStore(path, this.#clock);
  }

  async perform({ what, name, ref, isShort }: Operation): Promise<void> {
    const { store } = this;
    const end = isShort ? instantFromMs(this.#clock.nowMs() + 1_000) : null;
    const dispatches = group(newDispatch(name, ref, undefined, { maxAttempts: isShort ? 1 : 3, notAfter: end }));
    const step = this.#last && { ...this.#last.take, token: this.#last.lease?.token, origin: origin("agent") };
    switch (what) {
      case "enqueue":
      case "supersede":
        return void (await store.enqueue([{ ...dispatches, supersede: what === "supersede" }]));
      case "take along":
        return void (await store.enqueueAndTake([group(newDispatch(name, ref))], [want(name, taker(undefined, 5))]));
      case "take":
        return this.#take(name, taker());
      case "lease":
        return this.#take(name, taker({ kind: "lease", leaseMs: 1_000 }));
      case "acknowledge":
        return void (step && (await store.apply([{ kind: "acknowledge", ...step }])));
      case "reject":
        return void (step && (await store.apply([{ kind: "reject", ...step, reason: "no" }])));
      case "give back":
        return void (this.#last && (await store.apply([{ kind: "giveBack", take: this.#last.take }])));
      case "cancel":
        return void (await store.apply([{ kind: "cancel", ...cancelled(name, ref) }]));
      case "advance":
        return this.#clock.advance(1_000);
      case "settle":
        return void (await store.settleDue(10));
      case "prune":
        return void (await store.prune(instantFromMs(this.#clock.nowMs() - 1_000), 3));
      case "fail":
        // Changes what is before it, and then nothing.
        return expect(
          store.enqueue([dispatches, group({ ...newDispatch(name, "x@1"), maxAttempts: Number.NaN })]),
        ).rejects.toThrow();
    }
  }

  async #take(name: string, by: ReturnType<typeof taker>): Promise<void> {
    const { taken } = await this.store.take([want(name, by)]);
    this.#last = taken[0]?.[0] ?? this.#last;
  }

  /** As the rows are. */
  async counted(): Promise<Partial<Record<DispatchState, number>>> {
    const counts: Partial<Record<DispatchState, number>> = {};
    for (const { state } of await this.store.list({}, undefined, 100)) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }

  async reopened(): Promise<SqliteStore> {
    await this.store.close();
    return openStore(this.#path, this.#clock);
  }
}

function cancelled(name: string, ref: string) {
  return { hostname: newDispatch(name).hostname, rolloutId: rollout(ref), origin: origin(), reason: "" };
}

function withoutNone(states: Readonly<Record<DispatchState, number>>): Partial<Record<DispatchState, number>> {
  return Object.fromEntries(Object.entries(states).filter(([, n]) => n !== 0));
}

/** @returns whether the counts were right after each of the operations, and after a restart */
async function isRight(path: string, operations: readonly Operation[]): Promise<boolean> {
  const run = new Run(path);
  for (const one of operations) {
    await run.perform(one);
    const [counts, rows] = [withoutNone((await run.store.stats()).states), await run.counted()];
    if (!same(counts, rows)) return run.store.close().then(() => false);
  }
  const rows = await run.counted();
  const reopened = await run.reopened();
  const { states } = await reopened.stats();
  await reopened.close();
  return same(withoutNone(states), rows);
}

function same(a: Partial<Record<DispatchState, number>>, b: typeof a): boolean {
  const sorted = (counts: typeof a) => JSON.stringify(Object.entries(counts).sort());
  return sorted(a) === sorted(b);
}

describe("how many dispatches are in which state", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const check = (numRuns: number) => {
    let runs = 0;
    return fc.check(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (operations) => {
        runs += 1;
        return isRight(`${path()}-${runs}`, operations);
      }),
      { numRuns },
    );
  };

  test("is known without counting, whatever happened in which order", async () => {
    expect(await check(80)).toMatchObject({ failed: false });
  });

  test("control: it is not if what came to nothing counts too", async () => {
    vi.spyOn(StateCounts.prototype, "forget").mockImplementation(() => undefined);
    expect(await check(80)).toMatchObject({ failed: true });
  });
});
