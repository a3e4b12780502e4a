import { beforeEach, describe, expect, test } from "vitest";
import { AgentPolls } from "../../src/dispatch/agent-polls.js";
import type { NewDispatch, Taken } from "../../src/dispatch/dispatch.js";
import { Enqueuer } from "../../src/dispatch/enqueue.js";
import { DispatchError } from "../../src/dispatch/errors.js";
import { host, newDispatch } from "../support/dispatches.js";
import { FakeClock, flushMicrotasks } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";

let clock: FakeClock;
let store: MemoryStore;
let polls: AgentPolls;
let enqueuer: Enqueuer;
const logged: string[] = [];
const log = {
  error: (_: object, message: string) => void logged.push(message),
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryStore(clock);
  polls = new AgentPolls({ store, clock, random: () => 0, log, pollsPerHost: 4 });
  enqueuer = new Enqueuer({ store, clock, kick: (hosts) => polls.kick(hosts) });
  logged.length = 0;
});

/** A poll with what became of it: `waiting`, the rollout it got, `nothing`, or the reason of its error. */
function startPoll(hostname: string, options: { waitMs?: number; assertAllowed?: () => void } = {}) {
  const controller = new AbortController();
  const poll = { outcome: "waiting", taken: undefined as Taken | undefined, leave: () => controller.abort() };
  polls
    .poll({
      hostname: host(hostname),
      waitMs: options.waitMs ?? 60_000,
      signal: controller.signal,
      assertAllowed: options.assertAllowed ?? (() => undefined),
    })
    .then(
      (taken) => {
        poll.taken = taken;
        poll.outcome = taken?.dispatch.rolloutId ?? "nothing";
      },
      (error: unknown) => {
        poll.outcome = error instanceof DispatchError ? error.reason : String(error);
      },
    );
  return poll;
}

async function enqueue(...dispatches: NewDispatch[]): Promise<void> {
  const done = enqueuer.enqueue(dispatches);
  await clock.settle();
  await done;
  await clock.settle();
}

describe("a poll", () => {
  test("gets what was waiting, and nothing is left of it", async () => {
    await enqueue(newDispatch("web-01"));
    const poll = startPoll("web-01");
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
    expect(polls.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("parks while there is nothing, and gets what comes", async () => {
    const poll = startPoll("web-01");
    await clock.settle();
    expect(poll.outcome).toBe("waiting");
    await enqueue(newDispatch("web-01"));
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });

  test("gets an enqueue that commits between its registration and its look", async () => {
    const poll = startPoll("web-01");
    const done = enqueuer.enqueue([newDispatch("web-01")]);
    await clock.settle();
    await done;
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });

  test("gets an enqueue that commits while the store looks and finds nothing", async () => {
    let finish = () => {};
    store.before = () => {
      const found = new Promise<void>((resolve) => {
        finish = resolve;
      });
      store.before = async () => undefined;
      return found;
    };
    const poll = startPoll("web-01");
    await clock.settle();
    // The look has begun. The row appears after it was read, so the look itself comes back empty.
    const realRows = new Map(store.rows);
    await store.enqueue([[newDispatch("web-01")]]);
    const hidden = new Map(store.rows);
    store.rows.clear();
    for (const [key, row] of realRows) store.rows.set(key, row);
    polls.kick([host("web-01")]);
    finish();
    await flushMicrotasks();
    for (const [key, row] of hidden) store.rows.set(key, row);
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });

  test("ends with nothing when its wait is up, and not before", async () => {
    const poll = startPoll("web-01", { waitMs: 57_500 });
    await clock.settle();
    clock.advance(57_499);
    await clock.settle();
    expect(poll.outcome).toBe("waiting");
    clock.advance(1);
    await clock.settle();
    expect(poll.outcome).toBe("nothing");
    expect(polls.size).toBe(0);
  });

  test("with wait 0 looks once", async () => {
    const poll = startPoll("web-01", { waitMs: 0 });
    await clock.settle();
    expect(poll.outcome).toBe("nothing");
    expect(clock.pendingTimers).toBe(0);
  });

  test("is not disturbed by an enqueue for another host", async () => {
    const poll = startPoll("web-01");
    await clock.settle();
    const before = store.takes.length;
    await enqueue(newDispatch("web-02"));
    expect(poll.outcome).toBe("waiting");
    expect(store.takes.length).toBe(before);
  });

  test("whose caller has gone takes nothing", async () => {
    const poll = startPoll("web-01");
    await clock.settle();
    poll.leave();
    await enqueue(newDispatch("web-01"));
    expect(poll.outcome).toBe("gone");
    expect(startPoll("web-01", { waitMs: 0 }).outcome).toBe("waiting");
    await clock.settle();
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.attempt).toBe(1);
  });

  test("whose identity has stopped to hold gets nothing, although it was let in", async () => {
    let revoked = false;
    const poll = startPoll("web-01", {
      assertAllowed: () => {
        if (revoked) throw new DispatchError("unauthenticated", "revoked");
      },
    });
    await clock.settle();
    revoked = true;
    await enqueue(newDispatch("web-01"));
    expect(poll.outcome).toBe("unauthenticated");
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.pending).toBe(true);
  });

  test("revoked while the store was at work gives its dispatch back", async () => {
    let revoked = false;
    await enqueue(newDispatch("web-01"));
    store.before = async () => {
      revoked = true;
    };
    const poll = startPoll("web-01", {
      assertAllowed: () => {
        if (revoked) throw new DispatchError("unauthenticated", "revoked");
      },
    });
    await clock.settle();
    expect(poll.outcome).toBe("unauthenticated");
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.pending).toBe(true);
  });
});

describe("several polls of one host", () => {
  test("the newest gets the dispatch", async () => {
    const older = startPoll("web-01");
    await clock.settle();
    const newer = startPoll("web-01");
    await clock.settle();
    await enqueue(newDispatch("web-01"));
    expect([older.outcome, newer.outcome]).toEqual(["waiting", "stable@a1b2c3d4"]);
  });

  test("two dispatches go to two polls, the older dispatch to the newer poll", async () => {
    const older = startPoll("web-01");
    const newer = startPoll("web-01");
    await clock.settle();
    await enqueue(newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb"));
    expect([older.outcome, newer.outcome]).toEqual(["stable@bb", "stable@aa"]);
  });

  test("one more than the cap ends the oldest with superfluous_poll, never with an empty answer", async () => {
    const all = [];
    for (let i = 0; i < 5; i += 1) {
      all.push(startPoll("web-01"));
      await clock.settle();
    }
    expect(all.map((poll) => poll.outcome)).toEqual(["superfluous_poll", "waiting", "waiting", "waiting", "waiting"]);
  });

  test("polls that do not wait never push out one that is parked", async () => {
    const parked = [0, 1, 2, 3].map(() => startPoll("web-01"));
    await clock.settle();
    const quick = [0, 1, 2].map(() => startPoll("web-01", { waitMs: 0 }));
    await clock.settle();
    expect(parked.map((poll) => poll.outcome)).toEqual(["waiting", "waiting", "waiting", "waiting"]);
    expect(quick.map((poll) => poll.outcome)).toEqual(["nothing", "nothing", "nothing"]);
  });
});

describe("a batch", () => {
  test("takes of one turn of the event loop are one transaction", async () => {
    for (let i = 0; i < 50; i += 1) startPoll(`web-${i}`);
    await clock.settle();
    expect(store.takes.map((wants) => wants.length)).toEqual([50]);
  });

  test("a burst of kicks for a host collapses to one look", async () => {
    startPoll("web-01");
    await clock.settle();
    store.takes.length = 0;
    for (let i = 0; i < 100; i += 1) polls.kick([host("web-01")]);
    await clock.settle();
    expect(store.takes).toEqual([[{ hostname: "web-01", limit: 1 }]]);
  });

  test("many hosts at once are split, so that no batch holds the event loop for long", async () => {
    for (let i = 0; i < 600; i += 1) startPoll(`web-${i}`);
    await clock.settle();
    expect(store.takes.map((wants) => wants.length)).toEqual([256, 256, 88]);
  });
});

describe("a store that fails", () => {
  test("fails the polls that were to be served, and nothing is handed out", async () => {
    await enqueue(newDispatch("web-01"));
    store.before = async () => {
      throw new Error("disk on fire");
    };
    const poll = startPoll("web-01");
    await clock.settle();
    expect(poll.outcome).toBe("internal");
    expect(logged).toEqual(["take failed; nothing was handed out"]);
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.pending).toBe(true);
  });

  test("that is only away refuses new polls at once and leaves the parked ones parked", async () => {
    const parked = startPoll("web-01");
    await clock.settle();
    store.before = async () => {
      throw new DispatchError("store_unavailable", "away");
    };
    polls.sweep();
    await clock.settle();
    const fresh = startPoll("web-02");
    await clock.settle();
    expect([parked.outcome, fresh.outcome]).toEqual(["waiting", "store_unavailable"]);
    store.before = async () => undefined;
    await store.enqueue([[newDispatch("web-01")]]);
    polls.sweep();
    await clock.settle();
    expect(parked.outcome).toBe("stable@a1b2c3d4");
  });
});

describe("a dispatch whose answer did not leave", () => {
  async function takeOne() {
    await enqueue(newDispatch("web-01"));
    const poll = startPoll("web-01");
    await clock.settle();
    if (poll.taken === undefined) throw new Error("nothing taken");
    return poll.taken;
  }

  test("goes to the next poll of its host", async () => {
    const taken = await takeOne();
    const next = startPoll("web-01");
    await clock.settle();
    polls.giveBack(taken.take);
    await clock.settle();
    expect(next.outcome).toBe("stable@a1b2c3d4");
    expect(next.taken?.take.attempt).toBe(2);
  });

  test("does not come back once a newer enqueue has replaced it", async () => {
    const taken = await takeOne();
    await enqueue(newDispatch("web-01", "stable@a1b2c3d4", "newer"));
    const next = startPoll("web-01");
    await clock.settle();
    expect(next.taken?.dispatch.targetClosure).toBe("/nix/store/newer");
    polls.giveBack(taken.take);
    await clock.settle();
    const third = startPoll("web-01", { waitMs: 0 });
    await clock.settle();
    expect(third.outcome).toBe("nothing");
  });

  test("is tried again by the sweep if the store refused it", async () => {
    const taken = await takeOne();
    const { giveBack } = store;
    store.giveBack = async () => {
      throw new Error("disk full");
    };
    polls.giveBack(taken.take);
    await clock.settle();
    await polls.settled();
    store.giveBack = giveBack;
    polls.sweep();
    await clock.settle();
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.pending).toBe(true);
  });
});

describe("the sweep", () => {
  test("finds for a parked host what nobody announced", async () => {
    const poll = startPoll("web-01");
    await clock.settle();
    await store.enqueue([[newDispatch("web-01")]]);
    await clock.settle();
    expect(poll.outcome).toBe("waiting");
    polls.sweep();
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });
});

describe("draining", () => {
  test("ends every poll, parked or new, and leaves no timer", async () => {
    const parked = [startPoll("web-01"), startPoll("web-02")];
    await clock.settle();
    polls.drain();
    const fresh = startPoll("web-03");
    await clock.settle();
    expect([...parked, fresh].map((poll) => poll.outcome)).toEqual(["draining", "draining", "draining"]);
    expect(polls.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("puts back what was taken for a poll that it ended", async () => {
    await enqueue(newDispatch("web-01"));
    let finish = () => {};
    store.before = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const poll = startPoll("web-01");
    await clock.settle();
    polls.drain();
    finish();
    await clock.settle();
    await polls.settled();
    expect(poll.outcome).toBe("draining");
    expect(store.rows.get("web-01 stable@a1b2c3d4")?.pending).toBe(true);
  });
});
