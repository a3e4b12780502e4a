import type Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DispatchError } from "../../../src/dispatch/errors.js";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import type { DispatchStore } from "../../../src/dispatch/ports.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, host, newDispatch, origin, rollout, taker, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

/** The connection that the store opened last: the limit of pages is the connection's own. */
let client: Database.Database;
vi.mock(import("../../../src/store/sqlite/open.js"), async (importOriginal) => {
  const { openDatabase } = await importOriginal();
  return {
    openDatabase: (...args: Parameters<typeof openDatabase>) => {
      client = openDatabase(...args);
      return client;
    },
  };
});

const path = databasePath();
const hosts = Array.from({ length: 2_000 }, (_, i) => `web-${i}`);
let clock: FakeClock;
let store: SqliteStore;

beforeEach(async () => {
  clock = new FakeClock();
  store = openStore(path(), clock);
  await store.enqueue([group(...hosts.map((name) => newDispatch(name)))]);
});
afterEach(() => store.close());

function fill(): void {
  client.pragma(`max_page_count = ${String(client.pragma("page_count", { simple: true }))}`);
}

function makeRoom(): void {
  client.pragma("max_page_count = 1000000");
}

/** Everything that anybody can read. */
const contents = async (of: DispatchStore = store) => [
  await of.list({}, undefined, 10_000),
  await of.listEvents({}, 0, 100_000),
  await of.findHost(host("web-0")),
];

const long = "x".repeat(500);
const lease = { kind: "lease", leaseMs: 60_000 } as const;

function rejection(name: string) {
  const key = { hostname: host(name), rolloutId: rollout("stable@a1b2c3d4") };
  return { kind: "reject", ...key, token: undefined, origin: origin("agent"), reason: long } as const;
}

/** Each kind of call that writes; the n-th has something to do that the ones before have not done. */
const writes: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
  enqueue: (n) => store.enqueue([group(newDispatch(`new-${n}`), newDispatch(`more-${n}`))]),
  take: (n) => store.take([want(hosts[n] ?? "", taker(lease)), want(hosts[n + 1_000] ?? "")]),
  apply: (n) => store.apply([rejection(hosts[n] ?? ""), rejection(hosts[n + 1_000] ?? "")]),
  note: (n) => {
    const at = instantFromMs(clock.nowMs());
    const key = { hostname: host("web-0"), rolloutId: rollout("stable@a1b2c3d4") };
    const event = { ...key, ...origin(), at, kind: "flushed", attempt: n, detail: long, parkedMs: null } as const;
    const seen = {
      lastSeenAt: at,
      address: long,
      wire: "http",
      agentVersion: `${n}`,
      certificateNotAfter: null,
    } as const;
    const names = ["web-0", `seen-${n}`];
    return store.note({ events: [event], seen: names.map((name) => ({ hostname: host(name), ...seen })) });
  },
  settleDue: () => {
    clock.advance(60_000);
    return store.settleDue(40);
  },
};

/** What calls of one kind need to find. */
const before: Readonly<Record<string, () => Promise<unknown>>> = {
  apply: () => store.take(hosts.map((name) => want(name))),
  settleDue: () => store.take(hosts.map((name) => want(name, taker(lease)))),
};

/** Calls on until one is refused: what fits into pages that are there already is taken. @returns how it went */
async function callUntilRefused(name: string): Promise<{ n: number; error: unknown; contentsBefore: unknown }> {
  for (let n = 0; n < 1_000; n += 1) {
    const contentsBefore = await contents();
    try {
      await writes[name]?.(n);
    } catch (error) {
      return { n, error, contentsBefore };
    }
  }
  throw new Error("the file never was full");
}

describe("a file that is full", () => {
  test.each(Object.keys(writes))("refuses %s as store_unavailable, and nothing of it is there", async (name) => {
    await before[name]?.();
    fill();
    const { n, error, contentsBefore } = await callUntilRefused(name);
    expect(error as DispatchError).toMatchObject({
      reason: "store_unavailable",
      message: "the store's disk is full; nothing was changed",
      retryAfterSeconds: 30,
    });
    expect(await contents()).toEqual(contentsBefore);
    makeRoom();
    // The same again, without a restart.
    await writes[name]?.(n);
    expect(await contents()).not.toEqual(contentsBefore);
  });

  test("is as it was for who opens it next", async () => {
    fill();
    const { contentsBefore } = await callUntilRefused("take");
    await store.close();
    store = openStore(path(), clock);
    expect(await contents()).toEqual(contentsBefore);
  });

  test("still answers polls that find nothing, and who reads", async () => {
    fill();
    await callUntilRefused("enqueue");
    expect((await store.take([want("nobody")])).taken).toEqual([[]]);
    await expect(store.check()).resolves.toBeUndefined();
  });

  test("forgets no host whose not_before passed while it was", async () => {
    const notBefore = instantFromMs(clock.nowMs() + 1_000);
    await store.enqueue([group(newDispatch("later", undefined, undefined, { notBefore }))]);
    await before.settleDue?.();
    fill();
    await callUntilRefused("note");
    clock.advance(60_000);
    await expect(store.settleDue(10_000)).rejects.toMatchObject({ reason: "store_unavailable" });
    makeRoom();
    expect((await store.settleDue(1)).hostnames).toContain("later");
  });

  test("control: the calls go through where there is room", async () => {
    for (const [name, write] of Object.entries(writes)) {
      await before[name]?.();
      for (let n = 0; n < 20; n += 1) await write(n);
    }
  });
});
