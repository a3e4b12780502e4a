import { beforeEach, describe, expect, test } from "vitest";
import type { TakeKey } from "../../src/dispatch/dispatch.js";
import type { Hostname } from "../../src/dispatch/hostname.js";
import type { TakeTerms } from "../../src/dispatch/lease.js";
import type { Step } from "../../src/dispatch/life.js";
import { Steps } from "../../src/dispatch/steps.js";
import { group, host, newDispatch, origin, rollout, taker, tokenOf, want } from "../support/dispatches.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { RecordingLog } from "./recording-log.js";
import { count, hold, refuse } from "./store-faults.js";

const lease: TakeTerms = { kind: "lease", leaseMs: 30_000 };

let clock: FakeClock;
let store: MemoryStore;
let log: RecordingLog;
let steps: Steps;
let kicked: Hostname[];
let timed: number;
let failPoints: string[];

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryStore(clock);
  log = new RecordingLog();
  kicked = [];
  timed = 0;
  failPoints = [];
  steps = new Steps({
    store,
    clock,
    log,
    failPoint: (name) => void failPoints.push(name),
    kick: (hosts) => void kicked.push(...hosts),
    onTimed: () => {
      timed += 1;
    },
  });
});

/** A dispatch of the host that has been taken. */
async function taken(hostname: string, terms: TakeTerms = { kind: "once" }): Promise<TakeKey> {
  await store.enqueue([group(newDispatch(hostname))]);
  const receipt = await store.take([want(hostname, taker(terms))]);
  const take = receipt.taken[0]?.[0]?.take;
  if (take === undefined) throw new Error("nothing was taken");
  return take;
}

const giveBack = (take: TakeKey): Step => ({ kind: "giveBack", take });

function acknowledge(hostname: string, token?: ReturnType<typeof tokenOf>): Step {
  const rolloutId = rollout("stable@a1b2c3d4");
  return { kind: "acknowledge", hostname: host(hostname), rolloutId, token, origin: origin(hostname) };
}

const stateOf = (hostname: string) => store.rows.get(`${hostname} stable@a1b2c3d4`)?.state;

async function settledBy<T>(promise: Promise<T>): Promise<T> {
  // Heard at once: a rejection that nobody listens to yet would end the test's process.
  const both = Promise.allSettled([promise]);
  await clock.settle();
  await both;
  return promise;
}

describe("a step that somebody waits for", () => {
  test("gives the row as it is then", async () => {
    await taken("web-01");
    const row = await settledBy(steps.apply(acknowledge("web-01")));
    expect(row).toMatchObject({ hostname: "web-01", state: "acknowledged" });
    expect(failPoints).toEqual(["step-committed"]);
  });

  test("gives nothing where it was done before", async () => {
    await taken("web-01");
    await settledBy(steps.apply(acknowledge("web-01")));
    expect(await settledBy(steps.apply(acknowledge("web-01")))).toBeUndefined();
  });

  test("fails with what life says, and leaves those beside it alone", async () => {
    await taken("web-01");
    const unknown = steps.apply(acknowledge("web-02"));
    const wrong = steps.apply(acknowledge("web-01", tokenOf(9)));
    const right = steps.apply(acknowledge("web-01"));
    const all = Promise.allSettled([unknown, wrong, right]);
    await clock.settle();
    const outcomes = (await all).map((each) => (each.status === "rejected" ? each.reason.reason : each.value?.state));
    expect(outcomes).toEqual(["unknown_dispatch", "attempt_over", "acknowledged"]);
  });

  test("fails with the store's error at once, and is not tried again behind the caller's back", async () => {
    await taken("web-01");
    const recover = refuse(store, "apply");
    await expect(settledBy(steps.apply(acknowledge("web-01")))).rejects.toMatchObject({ reason: "store_unavailable" });
    recover();
    clock.advance(60_000);
    await clock.settle();
    expect(stateOf("web-01")).toBe("delivered");
    expect(clock.pendingTimers).toBe(0);
  });

  test("shares its transaction with the others of its turn, 256 at the most", async () => {
    const takes = await Promise.all(Array.from({ length: 600 }, (_, i) => taken(`web-${i}`)));
    const applied = count(store, "apply");
    const all = Promise.all(takes.map((take) => steps.apply(giveBack(take))));
    await clock.settle();
    await all;
    expect(applied.calls).toBe(3);
    expect([...store.rows.values()].filter(({ state }) => state === "pending")).toHaveLength(600);
  });
});

describe("after the commit of a step", () => {
  test("the host is kicked for which something waits again, and not before", async () => {
    const take = await taken("web-01");
    const commit = hold(store, "apply");
    const done = steps.apply(giveBack(take));
    await clock.settle();
    expect(kicked).toEqual([]);
    commit();
    await settledBy(done);
    expect(kicked).toEqual(["web-01"]);
  });

  test("nobody is kicked for what is over, or was given back too late", async () => {
    const take = await taken("web-01");
    await settledBy(steps.apply(acknowledge("web-01")));
    await settledBy(steps.apply(giveBack(take)));
    expect(kicked).toEqual([]);
    expect(stateOf("web-01")).toBe("acknowledged");
  });

  test("the watch over time hears of a lease whose end has moved, and of nothing else", async () => {
    await taken("web-01", lease);
    const hostname = host("web-01");
    const rolloutId = rollout("stable@a1b2c3d4");
    const token = tokenOf(1);
    const how = { hostname, rolloutId, token, origin: origin("web-01") };
    await settledBy(steps.apply({ kind: "extend", leaseMs: 60_000, ...how }));
    expect(timed).toBe(1);
    await settledBy(steps.apply({ kind: "acknowledge", ...how }));
    expect(timed).toBe(1);
  });
});

describe("a step that nobody waits for", () => {
  test("is tried again every second until the store takes it, then kicks", async () => {
    const take = await taken("web-01");
    const recover = refuse(store, "apply");
    const applied = count(store, "apply");
    steps.applyLater(giveBack(take));
    await clock.settle();
    for (let i = 0; i < 3; i += 1) {
      clock.advance(1_000);
      await clock.settle();
    }
    expect([applied.calls, stateOf("web-01")]).toEqual([4, "delivered"]);
    expect(log.at("error")).toEqual(Array(4).fill("step failed; it is tried again"));
    recover();
    clock.advance(1_000);
    await clock.settle();
    expect(stateOf("web-01")).toBe("pending");
    expect(kicked).toEqual(["web-01"]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("is tried again with all that failed meanwhile, as one transaction", async () => {
    const takes = await Promise.all(Array.from({ length: 50 }, (_, i) => taken(`web-${i}`)));
    const recover = refuse(store, "apply");
    for (const take of takes) {
      steps.applyLater(giveBack(take));
      await clock.settle();
    }
    recover();
    const applied = count(store, "apply");
    clock.advance(1_000);
    await clock.settle();
    expect(applied.calls).toBe(1);
    expect([...store.rows.values()].every(({ state }) => state === "pending")).toBe(true);
  });

  test("is tried again after whatever else the store throws", async () => {
    const take = await taken("web-01");
    const recover = refuse(store, "apply", new Error("disk on fire"));
    steps.applyLater(giveBack(take));
    await clock.settle();
    recover();
    clock.advance(1_000);
    await clock.settle();
    expect(stateOf("web-01")).toBe("pending");
  });

  test("is let go if life refuses it, since it always would", async () => {
    steps.applyLater(acknowledge("web-09"));
    await clock.settle();
    expect(clock.pendingTimers).toBe(0);
    expect([log.at("error"), log.at("debug")]).toEqual([[], ["step refused"]]);
  });

  test("does nothing, late, to what was taken anew in the meantime", async () => {
    const take = await taken("web-01");
    const recover = refuse(store, "apply");
    steps.applyLater(giveBack(take));
    await clock.settle();
    recover();
    await taken("web-01", lease);
    clock.advance(1_000);
    await clock.settle();
    expect(stateOf("web-01")).toBe("leased");
  });
});

describe("at the end", () => {
  test("a step that is under way is waited for", async () => {
    const take = await taken("web-01");
    const commit = hold(store, "apply");
    steps.applyLater(giveBack(take));
    await clock.settle();
    let isSettled = false;
    const settled = steps.settled().then(() => {
      isSettled = true;
    });
    await clock.settle();
    expect(isSettled).toBe(false);
    commit();
    await settled;
    expect(stateOf("web-01")).toBe("pending");
  });

  test("a step that has just been asked for is not lost", async () => {
    const take = await taken("web-01");
    steps.applyLater(giveBack(take));
    await settledBy(steps.settled());
    expect(stateOf("web-01")).toBe("pending");
  });

  test("a step that had failed is tried once more, without its second of waiting", async () => {
    const take = await taken("web-01");
    const recover = refuse(store, "apply");
    steps.applyLater(giveBack(take));
    await clock.settle();
    recover();
    await settledBy(steps.settled());
    expect(stateOf("web-01")).toBe("pending");
    expect(clock.pendingTimers).toBe(0);
  });

  test("a step that fails while the end is waited for is tried once more too", async () => {
    const take = await taken("web-01");
    const recover = refuse(store, "apply");
    const fail = hold(store, "apply");
    steps.applyLater(giveBack(take));
    await clock.settle();
    const settled = steps.settled();
    fail();
    recover();
    await settledBy(settled);
    expect(stateOf("web-01")).toBe("pending");
  });

  test("a step that the store refuses to the last is named in the log, and nothing is left running", async () => {
    const take = await taken("web-01");
    refuse(store, "apply");
    steps.applyLater(giveBack(take));
    await settledBy(steps.settled());
    expect(log.lines.at(-1)).toMatchObject({
      level: "error",
      message: "step lost: the store refused it at the end",
      fields: { step: "giveBack", hostname: "web-01", rolloutId: "stable@a1b2c3d4" },
    });
    expect(clock.pendingTimers).toBe(0);
  });
});
