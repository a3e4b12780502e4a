import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Instant } from "../../src/dispatch/instant.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import { Pruner } from "../../src/dispatch/pruner.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { RecordingLog } from "./recording-log.js";

const hourMs = 3_600_000;
const retainMs = 24 * hourMs;

/** A store with so many rows to remove, which tells when it was asked and for how many. */
class Prunable extends MemoryStore {
  readonly asked: { readonly before: Instant; readonly limit: number }[] = [];
  left = 0;
  isBroken = false;

  override async prune(before: Instant, limit: number): Promise<number> {
    this.asked.push({ before, limit });
    if (this.isBroken) throw new Error("disk I/O error");
    const removed = Math.min(this.left, limit);
    this.left -= removed;
    return removed;
  }
}

let clock: FakeClock;
let store: Prunable;
let log: RecordingLog;
let pruner: Pruner;
beforeEach(() => {
  clock = new FakeClock();
  store = new Prunable(clock);
  log = new RecordingLog();
  pruner = new Pruner({ store, clock, log, retainMs });
});
afterEach(async () => {
  await pruner.stop();
  expect(clock.pendingTimers).toBe(0);
});

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await clock.settle();
}

describe("what is older than it is to be kept", () => {
  test("is removed a little at a time, with a pause after each part in which takes come in between", async () => {
    store.left = 1_000;
    await pass(1_000);
    const [first] = store.asked;
    expect(first).toEqual({ before: instantFromMs(clock.nowMs() - retainMs), limit: expect.any(Number) });
    const left = [store.left];
    // Nothing more happens until time passes, however much is left.
    await clock.settle();
    expect(store.asked).toHaveLength(1);
    while (store.left > 0) {
      await pass(50);
      left.push(store.left);
    }
    expect(left).toEqual([800, 600, 400, 200, 0]);
  });

  test("is counted in one line once all of it is gone, and looked for again ten minutes later", async () => {
    store.left = 300;
    for (let i = 0; i < 5; i += 1) await pass(1_000);
    expect(log.lines.filter(({ message }) => message === "pruned")).toMatchObject([{ fields: { rows: 300 } }]);
    const { length } = store.asked;
    await pass(9 * 60_000);
    expect(store.asked).toHaveLength(length);
    await pass(60_000);
    expect(store.asked).toHaveLength(length + 1);
  });

  test("stays while the store fails, which is no reason to ask more often, and goes in the next round", async () => {
    store.left = 10;
    store.isBroken = true;
    await pass(1_000);
    expect(log.lines.map(({ message }) => message)).toEqual(["pruning failed; the next round tries again"]);
    store.isBroken = false;
    await pass(1_000);
    expect(store.left).toBe(10);
    await pass(10 * 60_000);
    expect(store.left).toBe(0);
  });
});

test("a pruner that is stopped asks no more", async () => {
  store.left = 1_000;
  await pass(1_000);
  await pruner.stop();
  await pass(hourMs);
  expect(store.asked).toHaveLength(1);
});
