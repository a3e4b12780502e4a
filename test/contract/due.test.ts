import { expect, test } from "vitest";
import type { Instant } from "../../src/dispatch/instant.js";
import { host, newDispatch, want } from "../support/dispatches.js";
import { confirmed, describeStores, lease } from "./driver.js";

describeStores("as time passes", (driver) => {
  const none = new Set();

  test("has nothing due while nothing waits for a time", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    await driver().taken("web-02");
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: undefined });
  });

  test("settles a lease at its end and not before, for the host's next poll, with one event", async () => {
    await driver().enqueue(newDispatch("web-01"));
    await driver().taken("web-01", lease);
    driver().clock.advance(59_999);
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: 1 });
    driver().clock.advance(1);
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: new Set([host("web-01")]), nextInMs: undefined });
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: undefined });
    expect(await driver().history("web-01")).toEqual(["enqueued 0", "leased 1", "lease_expired 1"]);
  });

  test("says in its history which of the two kinds of lease it was that ran out", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    await driver().taken("web-01", lease);
    await driver().taken("web-02", confirmed);
    driver().clock.advance(60_000);
    await driver().store.settleDue(10);
    const details = [await driver().events("web-01"), await driver().events("web-02")].map((events) => events.at(-1));
    expect(details).toMatchObject([
      { detail: "the lease ran out", actor: "server", address: "", wire: "" },
      { detail: "receipt was not proven in time", actor: "server", address: "", wire: "" },
    ]);
  });

  test("gives up what its last attempt has not brought home", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { maxAttempts: 2 }));
    for (const _ of [1, 2]) {
      await driver().taken("web-01", lease);
      driver().clock.advance(60_000);
    }
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: undefined });
    expect(await driver().state("web-01")).toBe("dead");
    expect((await driver().history("web-01")).slice(-2)).toEqual(["leased 2", "dead 2"]);
    expect(await driver().take("web-01")).toEqual([]);
  });

  test("names the host of a dispatch whose not_before has passed, once", async () => {
    const notBefore = driver().instant(5_000);
    await driver().enqueue(newDispatch("web-01", "stable@aa", "c", { notBefore }));
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: 5_000 });
    driver().clock.advance(5_000);
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: new Set([host("web-01")]), nextInMs: undefined });
    expect((await driver().store.settleDue(10)).hostnames).toEqual(none);
    expect(await driver().history("web-01", "stable@aa")).toEqual(["enqueued 0"]);
  });

  test("names it again if the wall clock was set back and the time comes a second time", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { notBefore: driver().instant(5_000) }));
    driver().clock.advance(5_000);
    await driver().store.settleDue(10);
    driver().clock.setWall(driver().clock.nowMs() - 5_000);
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: 5_000 });
    expect(await driver().take("web-01")).toEqual([]);
    driver().clock.advance(5_000);
    expect((await driver().store.settleDue(10)).hostnames).toEqual(new Set([host("web-01")]));
  });

  test("expires what still waits at its not_after, and nothing that somebody has", async () => {
    const window = { notAfter: driver().instant(5_000) };
    await driver().enqueue(
      newDispatch("web-01", undefined, undefined, window),
      newDispatch("web-02", undefined, undefined, window),
      newDispatch("web-03", undefined, undefined, window),
    );
    await driver().taken("web-02");
    const held = await driver().taken("web-03", lease);
    expect((await driver().store.settleDue(10)).nextInMs).toBe(5_000);
    driver().clock.advance(5_000);
    expect(await driver().store.settleDue(10)).toEqual({ hostnames: none, nextInMs: 55_000 });
    expect(await driver().history("web-01")).toEqual(["enqueued 0", "expired 0"]);
    expect(await driver().state("web-02")).toBe("delivered");
    expect(await driver().acknowledge(held)).toBe("done");
  });

  test("does not hand out again what comes back after its not_after: it expires", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { notAfter: driver().instant(5_000) }));
    await driver().taken("web-01", lease);
    driver().clock.advance(60_000);
    expect(await driver().take("web-01")).toEqual([]);
    expect(await driver().take("web-01")).toEqual([]);
    expect(await driver().history("web-01")).toEqual(["enqueued 0", "leased 1", "lease_expired 1", "expired 1"]);
  });

  test("expires at a take what came back into its window after everything else was over", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { notAfter: driver().instant(5_000) }));
    const taken = await driver().taken("web-01");
    expect((await driver().store.settleDue(10)).nextInMs).toBeUndefined();
    await driver().giveBack(taken);
    expect((await driver().store.take([want("web-02")])).due.nextInMs).toBe(5_000);
    driver().clock.advance(5_000);
    await driver().take("web-02");
    expect(await driver().state("web-01")).toBe("expired");
  });

  test("says when the next thing falls due, of all kinds, rounded up to whole milliseconds", async () => {
    const at = (inMs: number) => driver().instant(inMs);
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02", "s@aa", "c", { notAfter: at(50_000) }));
    await driver().taken("web-01", lease);
    expect((await driver().store.settleDue(10)).nextInMs).toBe(50_000);
    // 20 ms and a microsecond from now.
    const notBefore = (at(20) + 1) as Instant;
    await driver().enqueue(newDispatch("web-03", "s@aa", "c", { notBefore }));
    expect((await driver().store.settleDue(10)).nextInMs).toBe(21);
    await driver().cancel("web-03", "s@aa");
    expect((await driver().store.settleDue(10)).nextInMs).toBe(50_000);
    await driver().taken("web-02");
    expect((await driver().store.settleDue(10)).nextInMs).toBe(60_000);
  });

  test("settles at most as much at a time as it was asked to, and says that more is left", async () => {
    const window = { notAfter: driver().instant(5_000) };
    for (let i = 0; i < 6; i += 1) {
      await driver().enqueue(newDispatch(`leased-${i}`), newDispatch(`window-${i}`, undefined, undefined, window));
      await driver().taken(`leased-${i}`, lease);
    }
    driver().clock.advance(60_000);
    const settled = [];
    let receipt = await driver().store.settleDue(5);
    for (; receipt.nextInMs === 0; receipt = await driver().store.settleDue(5)) settled.push(await countDue());
    expect([...settled, await countDue()]).toEqual([7, 2, 0]);
    expect(receipt).toMatchObject({ nextInMs: undefined });
  });

  const countDue = async () =>
    (await driver().store.list({ states: ["leased", "pending"] }, undefined, 100)).filter(
      ({ state, notAfter }) => state === "leased" || notAfter !== null,
    ).length;

  test("catches up with takes alone, however much fell due at once", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `web-${i}`);
    await driver().enqueue(...names.map((name) => newDispatch(name)));
    for (const name of names) await driver().taken(name, lease);
    driver().clock.advance(60_000);
    const waiting = new Set(names);
    let takes = 0;
    for (let nextInMs: number | undefined = 0; nextInMs === 0; takes += 1) {
      const { taken, due } = await driver().store.take([...waiting].map((name) => want(name)));
      for (const [one] of taken) if (one !== undefined) waiting.delete(one.dispatch.hostname);
      nextInMs = due.nextInMs;
    }
    expect(waiting.size).toBe(0);
    expect(takes).toBeLessThan(10);
  });
});
