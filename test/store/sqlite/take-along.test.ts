import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import { Queue } from "../../../src/dispatch/queue.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { startPoll } from "../../dispatch/polling.js";
import { group, newDispatch } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();
const quiet = { error() {}, warn() {}, info() {}, debug() {} };

describe("what is enqueued for a host that is parked", () => {
  let clock: FakeClock;
  let store: SqliteStore;
  let queue: Queue;
  let takes: number;
  let isFull: boolean;
  beforeEach(() => {
    clock = new FakeClock();
    store = openStore(path(), clock);
    takes = 0;
    const take = store.take.bind(store);
    store.take = (wants) => {
      takes += 1;
      return take(wants);
    };
    isFull = false;
    const enqueueAndTake = store.enqueueAndTake.bind(store);
    store.enqueueAndTake = (...both) => (isFull ? Promise.reject(new Error("no room")) : enqueueAndTake(...both));
    queue = new Queue({
      store,
      clock,
      log: quiet,
      random: () => 0,
      failPoint: () => undefined,
      pollsPerHost: 4,
      sweepMs: 3_600_000,
      plainTerms: { kind: "once" },
      retainMs: 3_600_000,
    });
  });
  afterEach(async () => {
    queue.drain();
    const closed = queue.close();
    await clock.settle();
    await closed;
  });

  async function park(hostname: string) {
    const poll = startPoll(queue.polls, hostname);
    await clock.settle();
    takes = 0;
    return poll;
  }

  async function enqueue(...dispatches: Parameters<typeof group>) {
    const done = queue.enqueuer.enqueue(group(...dispatches));
    await clock.settle();
    return done;
  }

  test("is handed out in the enqueue's own transaction", async () => {
    const poll = await park("web-01");
    await enqueue(newDispatch("web-01"), newDispatch("web-02"));
    expect([poll.outcome, takes]).toEqual(["stable@a1b2c3d4", 0]);
    const history = await store.listEvents({}, 0, 10);
    expect(history.map(({ hostname, kind }) => `${hostname} ${kind}`)).toEqual([
      "web-01 enqueued",
      "web-01 delivered",
      "web-02 enqueued",
    ]);
  });

  test("is the host's oldest, whichever was enqueued", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    const first = await park("web-01");
    const second = await park("web-01");
    await enqueue(newDispatch("web-01", "stable@bb"));
    expect([first.outcome, second.outcome]).toEqual(["stable@aa", "stable@bb"]);
  });

  test("goes the long way while something has an end", async () => {
    const poll = await park("web-01");
    await enqueue(newDispatch("web-01", undefined, undefined, { notAfter: instantFromMs(clock.nowMs() + 10_000) }));
    expect([poll.outcome, takes]).toEqual(["stable@a1b2c3d4", 1]);
  });

  test("stays with the poll if the transaction fails, which hands out nothing", async () => {
    const poll = await park("web-01");
    isFull = true;
    await expect(enqueue(newDispatch("web-01"))).rejects.toThrow("no room");
    expect(poll.outcome).toBe("waiting");
    isFull = false;
    await enqueue(newDispatch("web-01", "stable@bb"));
    expect(poll.outcome).toBe("stable@bb");
  });
});
