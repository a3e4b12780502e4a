import { expect, test } from "vitest";
import type { HostSeen } from "../../src/dispatch/ports.js";
import { host, newDispatch, taker } from "../support/dispatches.js";
import { describeStores, lease } from "./driver.js";

const month = 30 * 24 * 3_600_000;

describeStores("when it prunes", (driver) => {
  const seen = (hostname: string): HostSeen => ({
    hostname: host(hostname),
    lastSeenAt: driver().instant(),
    address: "192.0.2.7",
    wire: "http",
    agentVersion: "",
    certificateNotAfter: null,
  });

  const states = async () => (await driver().store.list({}, undefined, 100)).map(({ state }) => state).sort();

  /** One dispatch in each state: `live` ones first. */
  async function oneOfEach(): Promise<void> {
    const { clock, store } = driver();
    const refs = ["01", "02", "03", "04", "05", "06"];
    await driver().enqueue(...refs.map((ref) => newDispatch("web-01", `s@${ref}`)));
    const [, , acknowledged, rejected] = await driver().take("web-01", ...refs.slice(0, 4).map(() => taker()));
    if (acknowledged === undefined || rejected === undefined) throw new Error("bad test");
    await driver().acknowledge(acknowledged);
    await driver().reject(rejected);
    await driver().cancel("web-01", "s@05");
    await driver().supersede(newDispatch("web-01", "s@07", "c", { notAfter: driver().instant(1_000) }));
    await driver().enqueue(newDispatch("web-02", "s@01", "c", { maxAttempts: 1 }));
    await driver().taken("web-02", lease);
    clock.advance(60_000);
    await store.settleDue(10);
    await driver().enqueue(newDispatch("web-03"), newDispatch("web-04"));
    await driver().taken("web-04", { kind: "lease", leaseMs: 3 * month });
  }

  test("removes what is done and never what is live, however old", async () => {
    await oneOfEach();
    expect(await states()).toEqual(
      "acknowledged cancelled dead delivered delivered expired leased pending rejected superseded".split(" "),
    );
    driver().clock.advance(month);
    await driver().store.prune(driver().instant(), 1_000);
    expect(await states()).toEqual(["leased", "pending"]);
    expect(await driver().take("web-03")).toHaveLength(1);
  });

  test("keeps what entered its state, happened or was seen at the instant or later", async () => {
    await driver().enqueue(newDispatch("web-01"));
    driver().clock.advance(1_000);
    await driver().taken("web-01");
    await driver().store.note({ events: [], seen: [seen("web-01")] });
    expect(await driver().store.prune(driver().instant(-1_000), 100)).toBe(0);
    expect(await driver().store.prune(driver().instant(), 100)).toBe(1);
    expect([await driver().state("web-01"), await driver().history("web-01")]).toEqual(["delivered", ["delivered 1"]]);
    driver().clock.advance(1);
    expect(await driver().store.prune(driver().instant(), 100)).toBe(3);
    expect(await driver().store.findHost(host("web-01"))).toBeUndefined();
    expect([await driver().state("web-01"), await driver().history("web-01")]).toEqual([undefined, []]);
  });

  test("removes at most so many of each kind at a time, says how many, and ends with none", async () => {
    const names = Array.from({ length: 25 }, (_, i) => `web-${i}`);
    await driver().enqueue(...names.map((name) => newDispatch(name)));
    for (const name of names) await driver().acknowledge(await driver().taken(name));
    await driver().store.note({ events: [], seen: names.map(seen) });
    driver().clock.advance(1_000);
    const removed = [];
    do removed.push(await driver().store.prune(driver().instant(), 10));
    while (removed.at(-1) !== 0);
    // Ten of each of three kinds at most.
    expect(Math.max(...removed)).toBeLessThanOrEqual(30);
    // 25 dispatches, 25 hosts and three events for each.
    expect(removed.reduce((sum, n) => sum + n)).toBe(25 + 25 + 75);
    expect([await states(), await driver().store.listEvents({}, 0, 100)]).toEqual([[], []]);
  });

  test("removes a limited number of what is done, whatever states that was in", async () => {
    await oneOfEach();
    driver().clock.advance(month);
    let left = 10;
    while ((await driver().store.prune(driver().instant(), 3)) > 0) {
      const before = left;
      left = (await states()).length;
      expect(before - left).toBeLessThanOrEqual(3);
    }
    expect(left).toBe(2);
  });
});
