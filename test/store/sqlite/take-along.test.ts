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
      "web-02 enqueued",
      "web-01 delivered",
    ]);
  });

  test("is the host's oldest, whichever was enqueued", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    const first = await park("web-01");
    const second = await park("web-01");
    await enqueue(newDispatch("web-01", "stable@bb"));
    expect([first.outcome, second.outcome]).toEqual(["stable@aa", "stable@bb"]);
  });

  test("is the first of several, the others wait for the next poll", async () => {
    const first = await park("web-01");
    await enqueue(newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb"));
    expect(first.outcome).toBe("stable@aa");
    const second = startPoll(queue.polls, "web-01");
    await clock.settle();
    expect(second.outcome).toBe("stable@bb");
  });

  test("and was handed out before is handed out anew, and its history goes on", async () => {
    await park("web-01");
    await enqueue(newDispatch("web-01"));
    const again = await park("web-01");
    await enqueue(newDispatch("web-01", undefined, "newer"));
    expect([again.outcome, again.taken?.take.attempt]).toEqual(["stable@a1b2c3d4", 1]);
    const history = await store.latestEvents(newDispatch("web-01"), 10);
    expect(history.map(({ kind }) => kind)).toEqual(["enqueued", "delivered", "enqueued", "delivered"]);
  });

  test("reaches each of many hosts, whether its pair is new or not, and whether somebody waits there or not", async () => {
    const names = Array.from({ length: 30 }, (_, i) => `web-${String(i).padStart(2, "0")}`);
    const old = names.filter((_, i) => i % 7 === 3);
    await enqueue(...old.map((name) => newDispatch(name)));
    for (const name of old) startPoll(queue.polls, name);
    await clock.settle();
    const waiting = names.filter((_, i) => i % 3 !== 0);
    const polls = new Map(waiting.map((name) => [name, startPoll(queue.polls, name)]));
    await clock.settle();
    const { results } = await enqueue(...names.map((name) => newDispatch(name, undefined, "newer")));
    expect(results.map(({ outcome }) => outcome)).toEqual(names.map(() => "created"));
    expect([...polls].filter(([, poll]) => !poll.taken?.dispatch.targetClosure.endsWith("newer"))).toEqual([]);
    const rows = await store.list({}, undefined, 100);
    expect(rows.map(({ hostname, state }) => [hostname, state])).toEqual(
      names.map((name) => [name, polls.has(name) ? "delivered" : "pending"]),
    );
    for (const name of names) {
      const kinds = (await store.latestEvents(newDispatch(name), 10)).map(({ kind }) => kind);
      const before = old.includes(name) ? ["enqueued", "delivered"] : [];
      expect(kinds).toEqual([...before, "enqueued", ...(polls.has(name) ? ["delivered"] : [])]);
    }
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
