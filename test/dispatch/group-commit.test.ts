import { describe, expect, test } from "vitest";
import { GroupCommit } from "../../src/dispatch/group-commit.js";
import { FakeClock } from "../support/fake-clock.js";

function setUp(maxWeight = 100) {
  const clock = new FakeClock();
  const batches: (readonly number[])[] = [];
  let fail: Error | undefined;
  const commits = new GroupCommit<number, number>({
    commit: async (items) => {
      batches.push(items);
      if (fail !== undefined) throw fail;
      return items.map((item) => item * 10);
    },
    clock,
    weigh: (item) => item,
    maxWeight,
  });
  const failWith = (error: Error | undefined) => {
    fail = error;
  };
  return { clock, batches, commits, failWith };
}

describe("a group commit", () => {
  test("commits what one turn brought as one batch, and answers each its own", async () => {
    const { clock, batches, commits } = setUp();
    const answers = Promise.all([commits.add(1), commits.add(2), commits.add(3)]);
    await clock.settle();
    expect(await answers).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test("closes a batch before it grows over its weight", async () => {
    const { clock, batches, commits } = setUp(5);
    const answers = Promise.all([3, 2, 4, 9, 1].map((item) => commits.add(item)));
    await clock.settle();
    await answers;
    expect(batches).toEqual([[3, 2], [4], [9], [1]]);
  });

  test("fails every item of a failed batch, and goes on with the next", async () => {
    const { clock, commits, failWith } = setUp();
    failWith(new Error("no"));
    const failed = Promise.allSettled([commits.add(1), commits.add(2)]);
    await clock.settle();
    expect((await failed).map((result) => result.status)).toEqual(["rejected", "rejected"]);
    failWith(undefined);
    const next = commits.add(4);
    await clock.settle();
    expect(await next).toBe(40);
  });

  test("takes it for a failure if the commit answers for fewer items than it was given", async () => {
    const clock = new FakeClock();
    const commits = new GroupCommit<number, number>({
      commit: async () => [1],
      clock,
      weigh: () => 1,
      maxWeight: 10,
    });
    const both = Promise.allSettled([commits.add(1), commits.add(2)]);
    await clock.settle();
    expect((await both).map((result) => result.status)).toEqual(["rejected", "rejected"]);
  });
});
