import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Taken } from "../../../src/dispatch/dispatch.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, newDispatch, origin, taker, tokens, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const hour = 3_600_000;
const minute = 60_000;
const path = databasePath();

let clock: FakeClock;
let store: SqliteStore;
let newToken: ReturnType<typeof tokens>;
beforeEach(() => {
  clock = new FakeClock();
  newToken = tokens();
  store = openStore(path(), clock, newToken);
});
afterEach(() => store.close());

/** Under a lease of a minute. */
async function takeOne(): Promise<Taken> {
  await store.enqueue([group(newDispatch("web-01"))]);
  return takeNext();
}

async function takeNext(): Promise<Taken> {
  const { taken } = await store.take([want("web-01", taker({ kind: "lease", leaseMs: minute }))]);
  if (taken[0]?.[0] === undefined) throw new Error("nothing was there");
  return taken[0][0];
}

async function isFree(): Promise<boolean> {
  await store.settleDue(10);
  const [row] = await store.list({}, undefined, 1);
  return row?.state === "pending";
}

/** How much of the lease is left, by what it takes until it is over. */
async function leftMs(): Promise<number | undefined> {
  return (await store.settleDue(10)).nextInMs;
}

async function restart(between: () => void = () => undefined): Promise<void> {
  await store.close();
  between();
  store = openStore(path(), clock, newToken);
}

describe("a lease over a restart of the server", () => {
  test("goes on: its agent can acknowledge it, and nobody else gets the dispatch", async () => {
    const { take, lease } = await takeOne();
    await restart();
    expect(await isFree()).toBe(false);
    const { hostname, rolloutId } = take;
    const said = { hostname, rolloutId, token: lease?.token, origin: origin("agent") };
    const [result] = await store.apply([{ kind: "acknowledge", ...said }]);
    expect(result).toMatchObject({ ok: true, change: { row: { state: "acknowledged" } } });
  });

  test("has the time that it had left, less the time that the server was away", async () => {
    await takeOne();
    clock.advance(10_000);
    await restart(() => clock.advance(20_000));
    expect(await leftMs()).toBe(30_000);
  });

  test("that ran out while the server was away is over at its first take", async () => {
    await takeOne();
    await restart(() => clock.advance(minute));
    expect((await takeNext()).take.attempt).toBe(2);
  });

  test.each([
    ["an hour ahead", hour],
    ["an hour back", -hour],
  ])("is not moved by a wall clock that was set %s meanwhile", async (_, jump) => {
    await takeOne();
    await restart(() => clock.setWall(clock.nowMs() + jump));
    expect(await leftMs()).toBe(minute);
    await restart(() => clock.advance(minute - 1));
    expect(await isFree()).toBe(false);
    clock.advance(1);
    expect(await isFree()).toBe(true);
  });
});

describe("a lease over a reboot of the machine", () => {
  test("has the time that it had left, less the time that the machine was away by the wall clock", async () => {
    clock.advance(30 * 24 * hour);
    await takeOne();
    await restart(() => {
      clock.advance(20_000);
      clock.reboot();
    });
    expect(await leftMs()).toBe(40_000);
    clock.advance(40_000);
    expect(await isFree()).toBe(true);
  });

  test("is over if the machine was away for longer", async () => {
    await takeOne();
    await restart(() => {
      clock.advance(hour);
      clock.reboot();
    });
    expect((await takeNext()).take.attempt).toBe(2);
  });

  test("never lasts longer than it was given, though the wall clock came up years behind", async () => {
    clock.advance(10 * 24 * hour);
    await takeOne();
    await restart(() => {
      clock.reboot();
      clock.setWall(Date.UTC(2000, 0, 1));
    });
    expect(await leftMs()).toBeLessThanOrEqual(minute);
    clock.advance(minute);
    expect(await isFree()).toBe(true);
  });

  test("counts from the moment it was extended, too", async () => {
    const { take, lease } = await takeOne();
    if (lease === undefined) throw new Error("no lease");
    clock.advance(50_000);
    const { hostname, rolloutId } = take;
    const extend = { kind: "extend", hostname, rolloutId, token: lease.token, leaseMs: hour } as const;
    await store.apply([{ ...extend, origin: origin("agent") }]);
    await restart(() => {
      clock.reboot();
      clock.setWall(Date.UTC(2000, 0, 1));
    });
    expect(await leftMs()).toBe(hour);
  });

  test("twice has what both have left of it", async () => {
    await takeOne();
    for (const _ of [1, 2]) {
      await restart(() => {
        clock.advance(10_000);
        clock.reboot();
      });
      clock.advance(10_000);
    }
    expect(await leftMs()).toBe(20_000);
  });
});

describe("new leases after a reboot", () => {
  test("have their length, wherever the wall clock stands, and the older ones run out before them", async () => {
    await takeOne();
    await restart(() => {
      clock.reboot();
      clock.setWall(clock.nowMs() - hour);
    });
    await store.enqueue([group(newDispatch("web-02"))]);
    clock.advance(1);
    await store.take([want("web-02", taker({ kind: "lease", leaseMs: minute }))]);
    clock.advance(minute - 1);
    await store.settleDue(10);
    const states = (await store.list({}, undefined, 10)).map(({ state }) => state);
    expect(states).toEqual(["pending", "leased"]);
  });
});
