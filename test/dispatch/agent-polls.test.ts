import { beforeEach, describe, expect, test } from "vitest";
import { AgentPolls } from "../../src/dispatch/agent-polls.js";
import type { NewDispatch } from "../../src/dispatch/dispatch.js";
import { Enqueuer } from "../../src/dispatch/enqueuer.js";
import { DispatchError } from "../../src/dispatch/errors.js";
import type { Hostname } from "../../src/dispatch/hostname.js";
import type { TakeTerms } from "../../src/dispatch/lease.js";
import type { DueReceipt } from "../../src/dispatch/ports.js";
import { Steps } from "../../src/dispatch/steps.js";
import { group, host, newDispatch, origin } from "../support/dispatches.js";
import { FakeClock, flushMicrotasks } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { type PollOptions, startPoll as startPollOf, takenBy } from "./polling.js";
import { RecordingLog } from "./recording-log.js";
import { hold, refuse } from "./store-faults.js";

const key = "web-01 stable@a1b2c3d4";
const lease: TakeTerms = { kind: "lease", leaseMs: 30_000 };

let clock: FakeClock;
let store: MemoryStore;
let polls: AgentPolls;
let enqueuer: Enqueuer;
let log: RecordingLog;
let dues: DueReceipt[];
/** What a test wants to look at where its process might be killed. */
let atFailPoint: (name: string) => void;

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryStore(clock);
  log = new RecordingLog();
  dues = [];
  atFailPoint = () => undefined;
  const failPoint = (name: string) => atFailPoint(name);
  const kick = (hosts: Iterable<Hostname>) => polls.kick(hosts);
  const onTimed = () => undefined;
  const steps = new Steps({ store, clock, log, failPoint, kick, onTimed });
  polls = new AgentPolls({
    store,
    clock,
    random: () => 0,
    log,
    failPoint,
    giveBack: (take) => steps.applyLater({ kind: "giveBack", take }),
    onDue: (due) => dues.push(due),
    pollsPerHost: 4,
  });
  enqueuer = new Enqueuer({ store, clock, failPoint, kick, onTimed });
});

const startPoll = (hostname: string, options: PollOptions = {}) => startPollOf(polls, hostname, options);

async function enqueue(...dispatches: NewDispatch[]): Promise<void> {
  const done = enqueuer.enqueue(group(...dispatches));
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
    const done = enqueuer.enqueue(group(newDispatch("web-01")));
    await clock.settle();
    await done;
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });

  test("gets an enqueue that commits while the store looks and finds nothing", async () => {
    const finish = hold(store, "take");
    const poll = startPoll("web-01");
    await clock.settle();
    // The look has begun. The row appears after it was read, so the look itself comes back empty.
    await store.enqueue([group(newDispatch("web-01"))]);
    const hidden = new Map(store.rows);
    store.rows.clear();
    polls.kick([host("web-01")]);
    finish();
    await flushMicrotasks();
    for (const [name, row] of hidden) store.rows.set(name, row);
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
    expect(store.rows.get(key)?.attempt).toBe(1);
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
    expect(store.rows.get(key)?.state).toBe("pending");
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
    expect(store.rows.get(key)?.state).toBe("pending");
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
    expect(store.takes.map((wants) => wants.map(({ hostname }) => hostname))).toEqual([["web-01"]]);
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
    refuse(store, "take", new Error("disk on fire"));
    const poll = startPoll("web-01");
    await clock.settle();
    expect(poll.outcome).toBe("internal");
    expect(log.at("error")).toEqual(["take failed; nothing was handed out"]);
    expect(store.rows.get(key)?.state).toBe("pending");
  });

  test("that is only away refuses new polls at once and leaves the parked ones parked", async () => {
    const parked = startPoll("web-01");
    await clock.settle();
    const comeBack = refuse(store, "take");
    polls.sweep();
    await clock.settle();
    const fresh = startPoll("web-02");
    await clock.settle();
    expect([parked.outcome, fresh.outcome]).toEqual(["waiting", "store_unavailable"]);
    comeBack();
    await store.enqueue([group(newDispatch("web-01"))]);
    polls.sweep();
    await clock.settle();
    expect(parked.outcome).toBe("stable@a1b2c3d4");
  });
});

describe("what a poll is asked for", () => {
  test("reaches the store with the terms and the origin of its caller", async () => {
    startPoll("web-01", { terms: lease });
    startPoll("web-01");
    await clock.settle();
    expect(store.takes).toEqual([
      [
        {
          hostname: "web-01",
          takers: [
            { terms: { kind: "once" }, origin: origin("web-01"), parkedMs: null },
            { terms: lease, origin: origin("web-01"), parkedMs: null },
          ],
        },
      ],
    ]);
  });

  test("is kept by each of several polls of one host: the newest took without a lease, the older with one", async () => {
    const older = startPoll("web-01", { terms: lease });
    const newer = startPoll("web-01");
    await enqueue(newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb"));
    expect(takenBy(newer)).toMatchObject({ dispatch: { rolloutId: "stable@aa" }, lease: undefined });
    expect(takenBy(older)).toMatchObject({ dispatch: { rolloutId: "stable@bb" }, lease: { attempt: 1 } });
  });

  test("is written down with how long it was parked, or that it was not", async () => {
    await enqueue(newDispatch("web-01", "stable@aa"));
    startPoll("web-01");
    await clock.settle();
    startPoll("web-01");
    await clock.settle();
    clock.advance(1_234.4);
    await enqueue(newDispatch("web-01", "stable@bb"));
    const handedOut = store.events.filter(({ kind }) => kind === "delivered");
    expect(handedOut.map(({ rolloutId, parkedMs }) => [rolloutId, parkedMs])).toEqual([
      ["stable@aa", null],
      ["stable@bb", 1_234],
    ]);
  });

  test("counts its parking by the time that has passed, wherever the wall clock is set meanwhile", async () => {
    startPoll("web-01");
    await clock.settle();
    clock.setWall(clock.nowMs() - 3_600_000);
    clock.advance(5_000);
    await enqueue(newDispatch("web-01"));
    expect(store.events.find(({ kind }) => kind === "delivered")?.parkedMs).toBe(5_000);
  });
});

describe("a lease whose poll cannot be given it", () => {
  test.each<[string, (poll: { leave(): void }) => void, string]>([
    ["has gone", (poll) => poll.leave(), "gone"],
    ["has waited long enough", () => clock.advance(60_000), "nothing"],
    ["was ended by the drain", () => polls.drain(), "draining"],
  ])("because that %s meanwhile is given back, and the next poll gets it", async (_, end, outcome) => {
    await enqueue(newDispatch("web-01"));
    const finish = hold(store, "take");
    const poll = startPoll("web-01", { terms: { kind: "lease", leaseMs: 3_600_000 } });
    await clock.settle();
    end(poll);
    finish();
    await clock.settle();
    expect(poll.outcome).toBe(outcome);
    expect(store.rows.get(key)).toMatchObject({ state: "pending", attempt: 1, leaseToken: null, leaseEndsAt: null });
    expect(store.events.map(({ kind }) => kind)).toEqual(["enqueued", "leased", "returned"]);
  });

  test("stays where it is if the poll was given it: the control", async () => {
    await enqueue(newDispatch("web-01"));
    const finish = hold(store, "take");
    const poll = startPoll("web-01", { terms: lease });
    await clock.settle();
    finish();
    await clock.settle();
    poll.leave();
    await clock.settle();
    expect(takenBy(poll).lease?.attempt).toBe(1);
    expect(store.rows.get(key)?.state).toBe("leased");
  });

  test("goes to another poll of its host that waits, at once", async () => {
    const older = startPoll("web-01");
    await clock.settle();
    await store.enqueue([group(newDispatch("web-01"))]);
    const finish = hold(store, "take");
    const newer = startPoll("web-01");
    await clock.settle();
    newer.leave();
    finish();
    await clock.settle();
    expect([older.outcome, newer.outcome]).toEqual(["stable@a1b2c3d4", "gone"]);
    expect(takenBy(older).take.attempt).toBe(2);
  });
});

describe("after a take", () => {
  test("it is told what has fallen due on the way", async () => {
    await enqueue(newDispatch("web-01"));
    startPoll("web-01", { terms: lease });
    await clock.settle();
    expect(dues).toEqual([{ hostnames: new Set(), nextInMs: 30_000 }]);
    clock.advance(30_000);
    startPoll("web-02");
    await clock.settle();
    expect(dues.at(-1)).toEqual({ hostnames: new Set(["web-01"]), nextInMs: undefined });
  });

  test("the place for a test's kill comes once it is on disk and nobody has been answered", async () => {
    await enqueue(newDispatch("web-01"));
    const seen: string[] = [];
    const poll = startPoll("web-01");
    atFailPoint = (name) => seen.push(`${name}: ${store.rows.get(key)?.state}, ${poll.outcome}`);
    await clock.settle();
    expect(seen).toEqual(["take-committed: delivered, waiting"]);
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });
});

describe("what is parked for a host", () => {
  test("is how many polls, and since when the longest", async () => {
    startPoll("web-01");
    await clock.settle();
    clock.advance(2_000);
    startPoll("web-01");
    startPoll("web-02");
    await clock.settle();
    clock.advance(500);
    expect(polls.parked(host("web-01"))).toEqual({ polls: 2, longestMs: 2_500 });
    expect(polls.parked(host("web-03"))).toEqual({ polls: 0, longestMs: 0 });
    expect([polls.size, polls.hosts]).toEqual([3, 2]);
  });

  test("does not count one that still looks", async () => {
    startPoll("web-01");
    expect(polls.parked(host("web-01"))).toEqual({ polls: 0, longestMs: 0 });
    await clock.settle();
    expect(polls.parked(host("web-01")).polls).toBe(1);
  });
});

describe("the sweep", () => {
  test("finds for a parked host what nobody announced", async () => {
    const poll = startPoll("web-01");
    await clock.settle();
    await store.enqueue([group(newDispatch("web-01"))]);
    await clock.settle();
    expect(poll.outcome).toBe("waiting");
    polls.sweep();
    await clock.settle();
    expect(poll.outcome).toBe("stable@a1b2c3d4");
  });

  test("of a fleet that fills several batches keeps no kicked host waiting behind them", async () => {
    const many = Array.from({ length: 600 }, (_, i) => `idle-${i}`);
    for (const name of [...many, "web-01"]) startPoll(name);
    await clock.settle();
    store.takes.length = 0;
    const letGo = hold(store, "take");
    polls.sweep();
    await clock.settle();
    // The first batch of the sweep is under way, without it.
    polls.kick([host("web-01")]);
    letGo();
    await clock.settle();
    expect(store.takes.map((wants) => wants.length)).toEqual([256, 256, 89]);
    expect(store.takes[1]?.[0]?.hostname).toBe("web-01");
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
    const finish = hold(store, "take");
    const poll = startPoll("web-01");
    await clock.settle();
    polls.drain();
    finish();
    await clock.settle();
    await polls.settled();
    expect(poll.outcome).toBe("draining");
    expect(store.rows.get(key)?.state).toBe("pending");
  });
});
