import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NewDispatch, Taken } from "../../src/dispatch/dispatch.js";
import type { Hostname } from "../../src/dispatch/hostname.js";
import type { DispatchStore } from "../../src/dispatch/ports.js";
import { Queue } from "../../src/dispatch/queue.js";
import { SqliteStore } from "../../src/store/sqlite/store.js";
import { bootId, systemClock } from "../../src/telemetry/clock.js";
import { group, host, newDispatch, origin, tokens, want } from "../support/dispatches.js";

/**
 * An enqueue against a poll that is just starting, 100,000 times, on the real store and the real event loop while another
 * thread burns the CPU. Each round starts both at an offset of its own within a few turns. A wake is lost if the poll
 * still waits some turns after the enqueue was acknowledged.
 */
const rounds = 100_000;
const turnsOfGrace = 50;

interface Contender {
  poll(hostname: Hostname): PromiseLike<Taken | undefined>;
  enqueue(dispatch: NewDispatch): Promise<unknown>;
}

let folder: string;
let load: Worker;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-race-"));
  load = new Worker(new URL("./burn.mjs", import.meta.url));
});
afterAll(async () => {
  await load.terminate();
  rmSync(folder, { recursive: true });
});

describe("an enqueue against a poll that is just starting", () => {
  test.each([
    ["answers at once", "at-once", (store: DispatchStore) => store],
    ["answers some turns later", "later", answeringLater],
  ])(
    `loses no wake in ${rounds} rounds on a store that %s`,
    async (_, name, wrap) => {
      const store = openStore(name);
      const queue = new Queue({
        store: wrap(store),
        clock: systemClock,
        random: Math.random,
        log: silent,
        failPoint: () => undefined,
        plainTerms: { kind: "once" },
        retainMs: 3_600_000,
        pollsPerHost: 4,
        // The sweep would find what the wakes lost.
        sweepMs: 3_600_000,
      });
      const lost = await countLostWakes(rounds, 500, {
        poll: (hostname) =>
          queue.polls.poll({
            hostname,
            waitMs: 60_000,
            terms: { kind: "once" },
            caller: { origin: origin("agent"), leaving: new AbortController().signal, assertAllowed() {} },
          }),
        enqueue: (dispatch) => queue.enqueuer.enqueue(group(dispatch)),
      });
      expect(lost).toBe(0);
      await queue.close();
    },
    300_000,
  );

  test("control: the original's order, look first and subscribe second, loses some", async () => {
    const store = openStore("original");
    // One round at a time: its wakes go to everybody, so another round's enqueue would mend what this one lost.
    expect(await countLostWakes(2_000, 1, new LookFirst(answeringLater(store)))).toBeGreaterThan(0);
    await store.close();
  }, 300_000);
});

/** As a store in another thread or process answers: what it saw is some turns old when the caller hears of it. */
function answeringLater(store: DispatchStore): DispatchStore {
  const later = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer;
    await turns(Math.floor(Math.random() * 4));
    return value;
  };
  return {
    take: (wants) => later(store.take(wants)),
    apply: (steps) => later(store.apply(steps)),
    enqueue: (groups) => later(store.enqueue(groups)),
    settleDue: (limit) => later(store.settleDue(limit)),
    note: (notes) => store.note(notes),
    find: (key) => store.find(key),
    list: (filter, after, limit) => store.list(filter, after, limit),
    listEvents: (filter, afterId, limit) => store.listEvents(filter, afterId, limit),
    latestEvents: (key, limit) => store.latestEvents(key, limit),
    findHost: (hostname) => store.findHost(hostname),
    prune: (before, limit) => store.prune(before, limit),
    check: () => store.check(),
    close: () => store.close(),
  };
}

function openStore(name: string): SqliteStore {
  const clock = { ...systemClock, bootId: bootId() };
  return SqliteStore.open(join(folder, `${name}.db`), { clock, newToken: tokens() });
}

/** The original's route: peek at the table, then subscribe to a broadcast of wakes. */
class LookFirst implements Contender {
  readonly #store: DispatchStore;
  #subscribers: (() => void)[] = [];

  constructor(store: DispatchStore) {
    this.#store = store;
  }

  async poll(hostname: Hostname): Promise<Taken | undefined> {
    for (;;) {
      const { taken } = await this.#store.take([want(hostname)]);
      if (taken[0]?.[0] !== undefined) return taken[0][0];
      await new Promise<void>((resolve) => this.#subscribers.push(resolve));
    }
  }

  async enqueue(dispatch: NewDispatch): Promise<void> {
    await this.#store.enqueue([group(dispatch)]);
    const subscribers = this.#subscribers;
    this.#subscribers = [];
    for (const wake of subscribers) wake();
  }
}

async function countLostWakes(total: number, roundsAtOnce: number, contender: Contender): Promise<number> {
  let lost = 0;
  for (let first = 0; first < total; first += roundsAtOnce) {
    const size = Math.min(roundsAtOnce, total - first);
    const batch = Array.from({ length: size }, (_, i) => isWakeLost(`race-${first + i}`, contender));
    lost += (await Promise.all(batch)).filter(Boolean).length;
  }
  return lost;
}

async function isWakeLost(name: string, contender: Contender): Promise<boolean> {
  let delivered: Taken | undefined;
  const polling = turns(Math.floor(Math.random() * 3)).then(() => {
    void contender.poll(host(name)).then((taken) => {
      delivered = taken;
    });
  });
  await turns(Math.floor(Math.random() * 3));
  await contender.enqueue(newDispatch(name));
  await polling;
  await turns(turnsOfGrace);
  return delivered === undefined;
}

/** Lets some turns of the event loop pass, and a random number of microtasks after the last. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
  for (let i = Math.floor(Math.random() * 4); i > 0; i -= 1) await undefined;
}

const silent = { error() {}, warn() {}, info() {}, debug() {} };
