import { describe, expect, test } from "vitest";
import { gather } from "../../src/dispatch/gather.js";

/** Runs turns of the event loop, each of which brings as many as are said, and takes as long as is said. */
function turnsBefore(
  brought: readonly number[],
  { enough = 256, turnMs = 0 }: { readonly enough?: number; readonly turnMs?: number } = {},
): number {
  const next: (() => void)[] = [];
  let nowMs = 0;
  let waiting = 0;
  let isDone = false;
  const clock = { nextTurn: (callback: () => void) => void next.push(callback), monotonicMs: () => nowMs };
  gather(clock, { count: () => waiting, enough }, () => {
    isDone = true;
  });
  for (const [turn, more] of brought.entries()) {
    waiting += more;
    nowMs += turnMs;
    next.shift()?.();
    expect(next).toHaveLength(isDone ? 0 : 1);
    if (isDone) return turn + 1;
  }
  return Number.POSITIVE_INFINITY;
}

describe("what comes in a burst", () => {
  test.each([
    ["has one turn if it is alone", [1, 0], 1],
    ["has one turn if there is nothing", [0, 0], 1],
    ["has another one if it is not alone", [2, 0, 0], 2],
    ["is waited for as long as each turn brings more", [2, 1, 3, 1, 0, 1], 5],
  ])("%s", (_, brought, turns) => {
    expect(turnsBefore(brought)).toBe(turns);
  });

  test("is a batch once it is enough", () => {
    expect(turnsBefore([2, 1, 3, 1, 1], { enough: 6 })).toBe(3);
  });

  test("waits for 2 ms at most", () => {
    const brought = Array.from({ length: 100 }, () => 2);
    expect(turnsBefore(brought, { turnMs: 0.5 })).toBe(4);
    expect(turnsBefore(brought, { turnMs: 3 })).toBe(1);
  });
});
