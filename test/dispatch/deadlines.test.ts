import { beforeEach, describe, expect, test } from "vitest";
import { Deadlines, type Waiting } from "../../src/dispatch/deadlines.js";
import { FakeClock } from "../support/fake-clock.js";

/** Keeps when it gave up. */
class Waiter implements Waiting {
  place: Waiting["place"] = undefined;
  gaveUpAtMs: number | undefined;

  giveUp(): void {
    this.gaveUpAtMs = clock.monotonicMs();
  }
}

let clock: FakeClock;
let deadlines: Deadlines;
beforeEach(() => {
  clock = new FakeClock();
  deadlines = new Deadlines(clock);
});

function wait(ms: number): Waiter {
  const waiter = new Waiter();
  deadlines.add(waiter, ms, clock.monotonicMs());
  return waiter;
}

/** Lets time pass, millisecond by millisecond. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i++) clock.advance(1);
}

describe("the end of a wait", () => {
  test.each([
    [7, 10],
    [990, 990],
    [9_983, 9_990],
    [57_001, 57_100],
    [59_900, 59_900],
  ])("of %i ms comes after %i", (ms, expected) => {
    const waiter = wait(ms);
    pass(60_000);
    expect(waiter.gaveUpAtMs).toBe(expected);
    expect([waiter.place, clock.pendingTimers]).toEqual([undefined, 0]);
  });

  test("is shared: a thousand waits that end within a tenth of a second have one timer", () => {
    const waiters = Array.from({ length: 1_000 }, (_, i) => wait(30_001 + (i % 100)));
    expect(clock.pendingTimers).toBe(1);
    pass(30_100);
    expect(new Set(waiters.map(({ gaveUpAtMs }) => gaveUpAtMs))).toEqual(new Set([30_100]));
  });

  test("does not come for what has ended before, in whatever order that was, and the others keep theirs", () => {
    const waiters = Array.from({ length: 9 }, () => wait(30_050));
    // One of them twice, which changes nothing.
    for (const i of [8, 0, 4, 5, 4]) for (const waiter of waiters.slice(i, i + 1)) deadlines.remove(waiter);
    pass(30_100);
    const gaveUp = waiters.flatMap(({ gaveUpAtMs }, i) => (gaveUpAtMs === undefined ? [] : [i]));
    expect(gaveUp).toEqual([1, 2, 3, 6, 7]);
  });

  test("leaves no timer behind once the last of its moment has ended", () => {
    const [first, second] = [wait(30_050), wait(30_050)];
    deadlines.remove(first);
    expect(clock.pendingTimers).toBe(1);
    deadlines.remove(second);
    expect(clock.pendingTimers).toBe(0);
  });

  test("may begin another wait, also one that ends at the same moment", () => {
    const again = wait(1_000);
    const waiter = new Waiter();
    waiter.giveUp = () => deadlines.add(again, 1_000, clock.monotonicMs());
    deadlines.remove(again);
    deadlines.add(waiter, 1_000, clock.monotonicMs());
    pass(1_000);
    expect(again.gaveUpAtMs).toBeUndefined();
    pass(1_000);
    expect(again.gaveUpAtMs).toBe(2_000);
  });
});
