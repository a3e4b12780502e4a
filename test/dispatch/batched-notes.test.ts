import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BatchedNotes } from "../../src/dispatch/batched-notes.js";
import type { NewEvent } from "../../src/dispatch/event.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import type { HostSeen, Notes } from "../../src/dispatch/ports.js";
import { host, origin, rollout } from "../support/dispatches.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { RecordingLog } from "./recording-log.js";

/** Keeps what it was given, call by call. */
class NotedStore extends MemoryStore {
  readonly calls: Notes[] = [];
  isBroken = false;

  override async note(notes: Notes): Promise<void> {
    if (this.isBroken) throw new Error("disk I/O error");
    this.calls.push(notes);
  }

  get notedAttempts(): number[] {
    return this.calls.flatMap(({ events }) => events.map(({ attempt }) => attempt));
  }

  get notedHosts(): string[] {
    return this.calls.flatMap(({ seen }) => seen.map(({ hostname }) => hostname));
  }
}

let clock: FakeClock;
let store: NotedStore;
let log: RecordingLog;
let notes: BatchedNotes;
beforeEach(() => {
  clock = new FakeClock();
  store = new NotedStore(clock);
  log = new RecordingLog();
  notes = new BatchedNotes({ store, clock, log });
});
afterEach(async () => {
  store.isBroken = false;
  await notes.close();
  expect(clock.pendingTimers).toBe(0);
});

/** Told apart by its attempt. */
function event(attempt: number): NewEvent {
  const at = instantFromMs(clock.nowMs());
  const key = { hostname: host("web-01"), rolloutId: rollout("stable@1") };
  return { at, ...key, kind: "flushed", attempt, ...origin("web-01"), detail: "", parkedMs: null };
}

function seen(hostname: string): HostSeen {
  const lastSeenAt = instantFromMs(clock.nowMs());
  const { address } = origin(hostname);
  return { hostname: host(hostname), lastSeenAt, address, wire: "http", agentVersion: "", certificateNotAfter: null };
}

function numbers(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** Nothing has come between two looks. */
async function quiet(): Promise<void> {
  await pass(100);
  await pass(100);
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await clock.settle();
}

describe("what is only noted", () => {
  test("waits for more of its kind, and is one write with it", async () => {
    for (const n of numbers(3)) notes.event(event(n));
    notes.seen(seen("web-01"));
    await clock.settle();
    expect(store.calls).toHaveLength(0);
    await quiet();
    expect([store.calls.length, store.notedAttempts, store.notedHosts]).toEqual([1, numbers(3), ["web-01"]]);
  });

  test("waits for the end of a burst, for a second at most", async () => {
    for (const n of numbers(25)) {
      notes.event(event(n));
      await pass(50);
      if (n < 19) expect(store.calls).toHaveLength(0);
    }
    expect(store.notedAttempts).toEqual(numbers(20));
    await quiet();
    expect(store.notedAttempts).toEqual(numbers(25));
  });

  test("is not held back where there is much of it", async () => {
    for (const n of numbers(8_000)) notes.event(event(n));
    clock.advance(50);
    notes.event(event(8_000));
    await pass(50);
    expect(store.notedAttempts.length).toBeGreaterThan(7_000);
  });

  test("is written whole, and in its order, however much of it comes at once", async () => {
    for (const n of numbers(19_000)) notes.event(event(n));
    for (const n of numbers(2_000)) notes.seen(seen(`web-${n}`));
    await pass(100);
    expect(store.notedAttempts.length).toBeGreaterThan(17_000);
    await quiet();
    expect(store.notedAttempts).toEqual(numbers(19_000));
    expect(store.notedHosts).toEqual(numbers(2_000).map((n) => `web-${n}`));
    // In parts, between which others have their turn.
    expect(Math.max(...store.calls.map(({ events, seen }) => events.length + seen.length))).toBeLessThanOrEqual(2_000);
  });

  test("of a host counts once, as it was seen last", async () => {
    notes.seen(seen("web-01"));
    clock.advance(10);
    const last = seen("web-01");
    notes.seen(last);
    expect(notes.unwritten(last.hostname)).toBe(last);
    await quiet();
    expect(store.calls.map(({ seen }) => seen)).toEqual([[last]]);
    expect(notes.unwritten(last.hostname)).toBeUndefined();
  });

  test("is tried again if the store does not take it, and nothing of it is written twice", async () => {
    store.isBroken = true;
    for (const n of numbers(2_700)) notes.event(event(n));
    await quiet();
    await pass(999);
    expect(log.at("warn")).toHaveLength(1);
    await pass(1);
    expect(log.at("warn")).toHaveLength(2);
    store.isBroken = false;
    await pass(1_000);
    await quiet();
    expect(store.notedAttempts).toEqual(numbers(2_700));
  });

  test("does not fill the memory while the store is away: the newest 20,000 stay", async () => {
    store.isBroken = true;
    for (const n of numbers(25_000)) notes.event(event(n));
    store.isBroken = false;
    await notes.close();
    const attempts = store.notedAttempts;
    expect(attempts.at(-1)).toBe(24_999);
    expect(attempts.length).toBeGreaterThan(17_000);
    expect(attempts.length).toBeLessThanOrEqual(20_000);
    expect(attempts).toEqual(numbers(attempts.length, 25_000 - attempts.length));
  });
});
