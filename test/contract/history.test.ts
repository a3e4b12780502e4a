import { expect, test } from "vitest";
import { byServer } from "../../src/dispatch/origin.js";
import { host, newDispatch, origin, taker } from "../support/dispatches.js";
import { confirmed, describeStores, key, lease } from "./driver.js";

describeStores("in its history", (driver) => {
  test("has one event for each transition, with who, from where, by which wire, when and at which attempt", async () => {
    const polling = { actor: "web-01", address: "2001:db8::7", wire: "grpc" } as const;
    await driver().enqueue(newDispatch("web-01"));
    driver().clock.advance(1_500);
    const [first] = await driver().take("web-01", { terms: lease, origin: polling, parkedMs: 1_500 });
    if (first === undefined) throw new Error("bad test");
    driver().clock.advance(10);
    await driver().giveBack(first);
    driver().clock.advance(10);
    const second = await driver().taken("web-01", confirmed);
    driver().clock.advance(10);
    await driver().confirm(second);
    await driver().acknowledge(second);
    const shared = { ...key("web-01"), detail: "", parkedMs: null };
    const at = (ms: number) => driver().instant(ms - 30);
    expect(withoutIds(await driver().events("web-01"))).toEqual([
      { ...shared, ...origin(), kind: "enqueued", attempt: 0, at: at(-1_500) },
      { ...shared, ...polling, kind: "leased", attempt: 1, at: at(0), parkedMs: 1_500 },
      { ...shared, ...byServer, kind: "returned", attempt: 1, at: at(10), detail: "the answer did not leave" },
      { ...shared, ...origin("agent"), kind: "leased", attempt: 2, at: at(20), detail: "until receipt is proven" },
      { ...shared, ...origin("agent"), kind: "confirmed", attempt: 2, at: at(30), detail: "a PING answered after it" },
      { ...shared, ...origin("agent"), kind: "acknowledged", attempt: 2, at: at(30) },
    ]);
  });

  test("has nothing of what did not happen: refused, repeated, empty or kept", async () => {
    await driver().enqueue(newDispatch("web-01"));
    const taken = await driver().taken("web-01", lease);
    await driver().enqueue(newDispatch("web-01"));
    await driver().take("web-01");
    await driver().acknowledge({ ...taken, lease: undefined });
    await driver().confirm(taken);
    await driver().acknowledge(taken);
    await driver().acknowledge(taken);
    await driver().giveBack(taken);
    await driver().cancel("web-01");
    await driver().store.settleDue(10);
    expect(await driver().history("web-01")).toEqual(["enqueued 0", "leased 1", "acknowledged 1"]);
  });

  test("goes on over enqueues of the same pair", async () => {
    await driver().enqueue(newDispatch("web-01"));
    await driver().taken("web-01", lease);
    await driver().enqueue(newDispatch("web-01", undefined, "new"));
    await driver().taken("web-01");
    await driver().enqueue(newDispatch("web-01", undefined, "newer"));
    expect(await driver().history("web-01")).toEqual([
      "enqueued 0",
      "leased 1",
      "replaced 0",
      "delivered 1",
      "enqueued 0",
    ]);
  });

  test("takes notes that concern no state, and hosts that were seen, the last word counting", async () => {
    await driver().enqueue(newDispatch("web-01"));
    const note = {
      ...key("web-01"),
      ...origin("agent"),
      kind: "flushed",
      attempt: 1,
      detail: "",
      parkedMs: null,
    } as const;
    const seen = { hostname: host("web-01"), address: "192.0.2.7", wire: "http", certificateNotAfter: null } as const;
    const first = { ...seen, lastSeenAt: driver().instant(), agentVersion: "nixfleet-agent/0.1 (früh)" };
    const last = {
      ...seen,
      lastSeenAt: driver().instant(1),
      agentVersion: "",
      certificateNotAfter: driver().instant(9),
    };
    await driver().store.note({ events: [{ ...note, at: driver().instant() }], seen: [first] });
    expect(await driver().store.findHost(host("web-01"))).toEqual(first);
    await driver().store.note({ events: [], seen: [last, { ...last, hostname: host("web-02") }] });
    expect(await driver().store.findHost(host("web-01"))).toEqual(last);
    expect(await driver().store.findHost(host("web-03"))).toBeUndefined();
    expect(await driver().history("web-01")).toEqual(["enqueued 0", "flushed 1"]);
    expect(await driver().state("web-01")).toBe("pending");
  });

  test("is read from any event on, of all, of a host, of a rollout or of one dispatch", async () => {
    await driver().enqueue(newDispatch("web-01", "s@aa"), newDispatch("web-02", "s@aa"), newDispatch("web-01", "s@bb"));
    await driver().take("web-01", taker(), taker());
    const { hostname, rolloutId } = key("web-01", "s@aa");
    const read = async (filter: object, afterId = 0, limit = 100) =>
      (await driver().store.listEvents(filter, afterId, limit)).map((event) => `${event.hostname} ${event.rolloutId}`);
    expect(await read({})).toHaveLength(5);
    expect(await read({ hostname })).toEqual(["web-01 s@aa", "web-01 s@bb", "web-01 s@aa", "web-01 s@bb"]);
    expect(await read({ rolloutId })).toEqual(["web-01 s@aa", "web-02 s@aa", "web-01 s@aa"]);
    expect(await read({ hostname, rolloutId })).toEqual(["web-01 s@aa", "web-01 s@aa"]);
    const all = await driver().store.listEvents({}, 0, 100);
    expect(await driver().store.listEvents({}, all[1]?.id ?? 0, 2)).toEqual(all.slice(2, 4));
    expect(await driver().store.listEvents({}, all[4]?.id ?? 0, 2)).toEqual([]);
  });

  test("gives the latest of one dispatch, oldest first", async () => {
    await driver().enqueue(newDispatch("web-01"));
    for (let i = 0; i < 3; i += 1) await driver().giveBack(await driver().taken("web-01"));
    const latest = await driver().store.latestEvents(key("web-01"), 3);
    expect(latest.map(({ kind, attempt }) => `${kind} ${attempt}`)).toEqual([
      "returned 2",
      "delivered 3",
      "returned 3",
    ]);
    expect(await driver().store.latestEvents(key("web-01", "s@ff"), 3)).toEqual([]);
  });

  test("numbers events upwards and uses no number twice, even if all were removed", async () => {
    const ids = async () => (await driver().store.listEvents({}, 0, 100)).map(({ id }) => id);
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    const before = await ids();
    driver().clock.advance(1_000);
    await driver().store.prune(driver().instant(), 100);
    expect(await ids()).toEqual([]);
    await driver().enqueue(newDispatch("web-03"));
    const [after = 0] = await ids();
    expect(after).toBeGreaterThan(Math.max(...before));
    expect(before).toEqual([...before].sort((a, b) => a - b));
  });
});

function withoutIds<T extends { readonly id: number }>(events: readonly T[]): Omit<T, "id">[] {
  return events.map(({ id, ...event }) => event);
}
