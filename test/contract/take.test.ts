import { expect, test } from "vitest";
import { instantFromMicros } from "../../src/dispatch/instant.js";
import type { LeaseToken } from "../../src/dispatch/lease.js";
import { host, newDispatch, taker, want } from "../support/dispatches.js";
import { confirmed, describeStores, lease, rolloutsOf } from "./driver.js";

const hour = 3_600_000;

describeStores("at a take", (driver) => {
  test("gives back what was enqueued, to the microsecond", async () => {
    const soakDueAt = instantFromMicros(1_778_894_999_123_457);
    if (soakDueAt === undefined) throw new Error("bad test");
    const dispatch = newDispatch("web-01", "stable@aa", "c", { soakDueAt });
    await driver().enqueue(dispatch);
    const { hostname, rolloutId, targetClosure } = dispatch;
    const enqueuedAt = driver().instant();
    // Which stores know by then, and which do not.
    const { eventId: _, ...taken } = await driver().taken("web-01");
    expect(taken).toEqual({
      dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
      take: { hostname, rolloutId, sequence: 1, attempt: 1 },
      lease: undefined,
    });
  });

  test("takes the host's oldest first, one per taker, and each once", async () => {
    await driver().enqueue(newDispatch("web-01", "stable@aa"));
    driver().clock.advance(1);
    await driver().enqueue(newDispatch("web-01", "stable@bb"), newDispatch("web-01", "a@cc"));
    expect(rolloutsOf(await driver().take("web-01"))).toEqual(["stable@aa"]);
    expect(rolloutsOf(await driver().take("web-01", taker(), taker(), taker()))).toEqual(["stable@bb", "a@cc"]);
    expect(await driver().take("web-01")).toEqual([]);
  });

  test("orders by enqueued_at even when the clock was set back in between", async () => {
    await driver().enqueue(newDispatch("web-01", "stable@aa"));
    driver().clock.setWall(driver().clock.nowMs() - hour);
    await driver().enqueue(newDispatch("web-01", "stable@bb"));
    expect(rolloutsOf(await driver().take("web-01", taker(), taker()))).toEqual(["stable@bb", "stable@aa"]);
  });

  test("answers a batch want by want", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-03"));
    const { taken } = await driver().store.take(["web-01", "web-02", "web-03"].map((name) => want(name)));
    expect(taken.map((each) => each.map(({ dispatch }) => dispatch.hostname))).toEqual([["web-01"], [], ["web-03"]]);
  });

  test("never touches another host's rows", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-010"), newDispatch("web"));
    await driver().take("web-01", taker(), taker());
    expect([await driver().state("web-010"), await driver().state("web")]).toEqual(["pending", "pending"]);
  });

  test("serves several takers of one host, each on its own terms", async () => {
    await driver().enqueue(...["aa", "bb", "cc", "dd"].map((ref) => newDispatch("web-01", `stable@${ref}`)));
    const taken = await driver().take("web-01", taker(lease), taker(), taker(confirmed));
    expect(taken.map((one) => [one.dispatch.rolloutId, one.lease?.attempt])).toEqual([
      ["stable@aa", 1],
      ["stable@bb", undefined],
      ["stable@cc", undefined],
    ]);
    const rows = await driver().store.list({}, undefined, 10);
    expect(rows.map((row) => row.state)).toEqual(["leased", "delivered", "leased", "pending"]);
  });

  test("gives a lease its token, its end by the wall clock, and its attempt", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    const one = await driver().taken("web-01", lease);
    const other = await driver().taken("web-02", lease);
    expect(one.lease).toMatchObject({ expiresAt: driver().instant(60_000), attempt: 1 });
    expect(one.lease?.token).not.toBe(other.lease?.token);
  });

  test("hides from the host's other polls what waits for proof, and names no lease", async () => {
    await driver().enqueue(newDispatch("web-01"));
    const taken = await driver().taken("web-01", confirmed);
    expect(taken.lease).toBeUndefined();
    expect(await driver().take("web-01")).toEqual([]);
    driver().clock.advance(29_999);
    expect(await driver().take("web-01")).toEqual([]);
  });

  test.each([
    ["a lease that ran out", lease, 60_000],
    ["receipt that was not proven", confirmed, 30_000],
  ])("counts %s, although nobody has settled it, with the next attempt", async (_, terms, ms) => {
    await driver().enqueue(newDispatch("web-01"));
    const first = await driver().taken("web-01", terms);
    driver().clock.advance(ms - 1);
    expect(await driver().take("web-01")).toEqual([]);
    driver().clock.advance(1);
    const second = await driver().taken("web-01", terms);
    expect([first.take.attempt, second.take.attempt]).toEqual([1, 2]);
    if (first.lease !== undefined) expect(second.lease?.token).not.toBe(first.lease.token);
  });

  test("gives a dispatch that comes back its old place among those that wait", async () => {
    await driver().enqueue(newDispatch("web-01", "stable@aa"));
    const first = await driver().taken("web-01", lease);
    driver().clock.advance(1);
    await driver().enqueue(newDispatch("web-01", "stable@bb"));
    await driver().giveBack(first);
    expect(rolloutsOf(await driver().take("web-01", taker(), taker()))).toEqual(["stable@aa", "stable@bb"]);
  });

  test("hands out nothing before its not_before, and then in the order of the enqueues", async () => {
    const notBefore = driver().instant(1_000);
    await driver().enqueue(newDispatch("web-01", "stable@aa", "c", { notBefore }));
    driver().clock.advance(1);
    await driver().enqueue(newDispatch("web-01", "stable@bb"));
    expect(rolloutsOf(await driver().take("web-01", taker(), taker()))).toEqual(["stable@bb"]);
    driver().clock.advance(998);
    expect(await driver().take("web-01")).toEqual([]);
    driver().clock.advance(1);
    expect(rolloutsOf(await driver().take("web-01"))).toEqual(["stable@aa"]);
  });

  test("hands out nothing from its not_after on, although nobody has settled it", async () => {
    const notAfter = driver().instant(1_000);
    await driver().enqueue(newDispatch("web-01", "stable@aa", "c", { notAfter }), newDispatch("web-02", "stable@aa"));
    await driver().enqueue(newDispatch("web-02", "stable@bb", "c", { notAfter }));
    driver().clock.advance(999);
    expect(rolloutsOf(await driver().take("web-02", taker(), taker()))).toEqual(["stable@aa", "stable@bb"]);
    driver().clock.advance(1);
    expect(await driver().take("web-01")).toEqual([]);
    expect(await driver().state("web-01", "stable@aa")).toBe("expired");
  });

  test("is not moved by a wall clock that is set: a lease has its length", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    await driver().taken("web-01", lease);
    driver().clock.setWall(driver().clock.nowMs() + hour);
    expect(await driver().take("web-01")).toEqual([]);
    await driver().taken("web-02", lease);
    driver().clock.setWall(driver().clock.nowMs() - 2 * hour);
    driver().clock.advance(59_999);
    expect([await driver().take("web-01"), await driver().take("web-02")]).toEqual([[], []]);
    driver().clock.advance(1);
    expect([await driver().take("web-01"), await driver().take("web-02")]).toMatchObject([
      [{ take: { attempt: 2 } }],
      [{ take: { attempt: 2 } }],
    ]);
  });

  test("says for whom something came due on the way, and when the next thing will", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    await driver().taken("web-01", lease);
    const quiet = await driver().store.take([want("web-03")]);
    expect(quiet.due).toEqual({ hostnames: new Set(), nextInMs: 60_000 });
    driver().clock.advance(60_000);
    const { due } = await driver().store.take([want("web-02", taker(confirmed))]);
    expect(due).toEqual({ hostnames: new Set([host("web-01")]), nextInMs: 30_000 });
  });

  test("never gives two takes one token", async () => {
    await driver().enqueue(...["aa", "bb", "cc"].map((ref) => newDispatch("web-01", `stable@${ref}`)));
    const seen = new Set<LeaseToken | undefined>();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      for (const one of await driver().take("web-01", taker(lease), taker(lease))) seen.add(one.lease?.token);
      driver().clock.advance(60_000);
    }
    expect(seen.size).toBe(6);
  });

  test("says that it is well", async () => {
    await expect(driver().store.check()).resolves.toBeUndefined();
  });
});
