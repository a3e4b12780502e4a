import { beforeEach, expect, test } from "vitest";
import type { DispatchKey } from "../../src/dispatch/dispatch.js";
import type { DispatchFilter } from "../../src/dispatch/ports.js";
import { host, newDispatch, rollout, taker } from "../support/dispatches.js";
import { describeStores, key, lease } from "./driver.js";

describeStores("in its lists", (driver) => {
  const names = async (filter: DispatchFilter, after?: DispatchKey, limit = 100) =>
    (await driver().store.list(filter, after, limit)).map((row) => `${row.hostname} ${row.rolloutId}`);

  const all = ["db.site-a s@cc", "web s@aa", "web-01 s-2@aa", "web-01 s@aa", "web-01 s@bb", "web-010 s@aa"];

  beforeEach(async () => {
    await driver().enqueue(newDispatch("web-01", "s@bb"), newDispatch("web-010", "s@aa"), newDispatch("web", "s@aa"));
    driver().clock.advance(1_000);
    await driver().enqueue(newDispatch("web-01", "s@aa"), newDispatch("web-01", "s-2@aa"));
    await driver().enqueue(newDispatch("db.site-a", "s@cc"));
  });

  test("has everything in the order of host and rollout", async () => {
    expect(await names({})).toEqual(all);
  });

  test.each<[string, DispatchFilter, number[]]>([
    ["a hostname, whole", { hostname: host("web-01") }, [2, 3, 4]],
    ["the beginning of a hostname", { hostnamePrefix: "web-01" }, [2, 3, 4, 5]],
    ["an empty beginning", { hostnamePrefix: "" }, [0, 1, 2, 3, 4, 5]],
    ["a rollout", { rolloutId: rollout("s@aa") }, [1, 3, 5]],
    ["a channel, whole", { channel: "s" }, [0, 1, 3, 4, 5]],
    ["a channel that another begins with", { channel: "s-2" }, [2]],
    ["no state", { states: [] }, [0, 1, 2, 3, 4, 5]],
    ["a state that none is in", { states: ["dead"] }, []],
    ["several at once", { hostnamePrefix: "web", channel: "s", states: ["pending"], rolloutId: rollout("s@bb") }, [4]],
    ["a host that nobody knows", { hostname: host("nobody") }, []],
  ])("filters by %s", async (_, filter, indices) => {
    expect(await names(filter)).toEqual(indices.map((i) => all[i]));
  });

  test("filters by any of several states", async () => {
    const [first, second] = await driver().take("web-01", taker(lease), taker(lease));
    if (first === undefined || second === undefined) throw new Error("bad test");
    await driver().reject(second);
    await driver().taken("web");
    expect(await names({ states: ["leased", "rejected"] })).toEqual(["web-01 s@aa", "web-01 s@bb"]);
    expect(await names({ states: ["delivered"] })).toEqual(["web s@aa"]);
    expect(await names({ states: ["pending"], channel: "s" })).toEqual(["db.site-a s@cc", "web-010 s@aa"]);
  });

  test("filters by when it was enqueued: from an instant on, up to before another", async () => {
    const [early, late] = [driver().instant(-1_000), driver().instant()];
    const isLate = ["db.site-a s@cc", "web-01 s-2@aa", "web-01 s@aa"];
    expect(await names({ enqueuedAfter: late })).toEqual(isLate);
    expect(await names({ enqueuedAfter: early, enqueuedBefore: late })).toEqual(all.filter((n) => !isLate.includes(n)));
    expect(await names({ enqueuedBefore: early })).toEqual([]);
  });

  test("goes on after any dispatch, whether that is still there or not", async () => {
    expect(await names({}, key("web-01", "s-2@aa"), 2)).toEqual(all.slice(3, 5));
    expect(await names({}, key("web-01", "a@ff"), 1)).toEqual(["web-01 s-2@aa"]);
    expect(await names({ channel: "s" }, key("web", "zz@ff"))).toEqual(all.slice(3));
    expect(await names({}, key("web-010", "s@aa"))).toEqual([]);
  });

  test("shows page by page, once and only once, what was there all the time while others come and go", async () => {
    const seen: string[] = [];
    let after: DispatchKey | undefined;
    for (let page = 0; ; page += 1) {
      const rows = await driver().store.list({}, after, 2);
      seen.push(...rows.map((row) => `${row.hostname} ${row.rolloutId}`));
      after = rows.at(-1);
      if (rows.length === 0) break;
      // Behind what was read, and before; one that is read already is taken and pruned.
      await driver().enqueue(newDispatch(`a-${page}`), newDispatch(`web-01${page + 1}`), newDispatch("web", "s@aa"));
      if (page === 0) await driver().taken("db.site-a");
      driver().clock.advance(1);
      await driver().store.prune(driver().instant(), 10);
    }
    expect(seen.filter((name) => all.includes(name))).toEqual(all);
    expect(new Set(seen).size).toBe(seen.length);
    expect(await driver().state("db.site-a", "s@cc")).toBeUndefined();
  });

  test("finds one by its name, and only that", async () => {
    expect(await driver().store.find(key("web-01", "s@aa"))).toMatchObject(key("web-01", "s@aa"));
    expect(await driver().store.find(key("web-01", "s@cc"))).toBeUndefined();
  });
});
