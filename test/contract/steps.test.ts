import { describe, expect, test } from "vitest";
import { newDispatch, origin, tokenOf } from "../support/dispatches.js";
import { confirmed, describeStores, key, lease } from "./driver.js";

const foreign = tokenOf(999);

describeStores("after a take under a lease", (driver) => {
  const leased = async () => {
    await driver().enqueue(newDispatch("web-01"));
    return driver().taken("web-01", lease);
  };

  describe.each([
    ["acknowledges", "acknowledged"],
    ["rejects", "rejected"],
  ] as const)("%s", (_, state) => {
    type Said = Parameters<ReturnType<typeof driver>["acknowledge"]>;
    const say = (taken: Said[0], token?: Said[1]) =>
      state === "acknowledged" ? driver().acknowledge(taken, token) : driver().reject(taken, "it broke", token);

    test("by its token, for good", async () => {
      const taken = await leased();
      driver().clock.advance(59_999);
      expect(await say(taken)).toBe("done");
      driver().clock.advance(3_600_000);
      await driver().store.settleDue(10);
      expect(await driver().state("web-01")).toBe(state);
      expect(await driver().take("web-01")).toEqual([]);
    });

    test("again and again, once said, with one event", async () => {
      const taken = await leased();
      await say(taken);
      driver().clock.advance(3_600_000);
      expect([await say(taken), await say(taken)]).toEqual(["nothing", "nothing"]);
      expect(await driver().history("web-01")).toEqual(["enqueued 0", "leased 1", `${state} 1`]);
    });

    test("not by another's token, nor without one", async () => {
      const taken = await leased();
      expect(await say(taken, foreign)).toBe("attempt_over");
      expect(await say({ ...taken, lease: undefined })).toBe("attempt_over");
      expect(await driver().state("web-01")).toBe("leased");
    });

    test("not once the lease has run out, whether that has been settled or not", async () => {
      const taken = await leased();
      driver().clock.advance(60_000);
      expect(await say(taken)).toBe("attempt_over");
      await driver().store.settleDue(10);
      expect(await say(taken)).toBe("attempt_over");
      expect(await driver().state("web-01")).toBe("pending");
    });

    test("not for an older attempt, which leaves the present one alone", async () => {
      const first = await leased();
      driver().clock.advance(60_000);
      const second = await driver().taken("web-01", lease);
      expect(await say(first)).toBe("attempt_over");
      expect(await say(second)).toBe("done");
    });

    test("not after the other has been said", async () => {
      const taken = await leased();
      await say(taken);
      const other = state === "acknowledged" ? driver().reject(taken) : driver().acknowledge(taken);
      expect(await other).toBe("attempt_over");
      expect(await driver().state("web-01")).toBe(state);
    });

    test("not what nobody knows", async () => {
      const taken = await leased();
      const unknown = { ...taken, take: { ...taken.take, ...key("web-01", "stable@ff") } };
      expect(await say(unknown)).toBe("unknown_dispatch");
    });
  });

  test("keeps the reason of a rejection with the row and in its history, whatever characters it has", async () => {
    const taken = await leased();
    const reason = `activation failed: "état" 'x'; \u{1f525}\n${"ö".repeat(500)}`;
    await driver().reject(taken, reason);
    expect(await driver().store.find(key("web-01"))).toMatchObject({ reason });
    expect((await driver().events("web-01")).at(-1)).toMatchObject({ kind: "rejected", detail: reason });
  });

  test("extends from now on, longer or shorter, again and again", async () => {
    const taken = await leased();
    driver().clock.advance(50_000);
    expect(await driver().extend(taken, 60_000)).toBe("done");
    expect(await driver().store.find(key("web-01"))).toMatchObject({ leaseExpiresAt: driver().instant(60_000) });
    driver().clock.advance(59_000);
    expect(await driver().extend(taken, 10_000)).toBe("done");
    driver().clock.advance(9_999);
    expect(await driver().take("web-01")).toEqual([]);
    driver().clock.advance(1);
    expect(await driver().taken("web-01", lease)).toMatchObject({ take: { attempt: 2 } });
    expect(await driver().history("web-01")).toEqual([
      "enqueued 0",
      "leased 1",
      "extended 1",
      "extended 1",
      "lease_expired 1",
      "leased 2",
    ]);
  });

  test("does not extend what is over, nor for another's token", async () => {
    const taken = await leased();
    expect(await driver().extend(taken, 60_000, foreign)).toBe("attempt_over");
    driver().clock.advance(60_000);
    expect(await driver().extend(taken, 60_000)).toBe("attempt_over");
    const again = await driver().taken("web-01", lease);
    expect(await driver().extend(taken, 60_000)).toBe("attempt_over");
    await driver().acknowledge(again);
    expect(await driver().extend(again, 60_000)).toBe("attempt_over");
  });

  test("ends the lease when it is cancelled, and says so to its agent", async () => {
    const taken = await leased();
    expect(await driver().cancel("web-01")).toBe("done");
    expect([await driver().acknowledge(taken), await driver().reject(taken)]).toEqual(["attempt_over", "attempt_over"]);
    expect(await driver().extend(taken, 60_000)).toBe("attempt_over");
    expect(await driver().take("web-01")).toEqual([]);
    expect([await driver().cancel("web-01"), await driver().state("web-01")]).toEqual(["nothing", "cancelled"]);
  });

  test("proves no receipt: what was leased waits for its acknowledgement", async () => {
    const taken = await leased();
    expect(await driver().confirm(taken)).toBe("nothing");
    expect(await driver().state("web-01")).toBe("leased");
  });
});

describeStores("after a plain take", (driver) => {
  const delivered = async () => {
    await driver().enqueue(newDispatch("web-01"));
    return driver().taken("web-01");
  };

  test("is acknowledged or rejected without a token, and that is all", async () => {
    const taken = await delivered();
    expect(await driver().acknowledge(taken, foreign)).toBe("attempt_over");
    expect(await driver().acknowledge(taken)).toBe("done");
    expect(await driver().acknowledge(taken)).toBe("nothing");
    expect(await driver().reject(taken)).toBe("attempt_over");
  });

  test("gives back once, with the next attempt, and not for an older take", async () => {
    const first = await delivered();
    expect([await driver().giveBack(first), await driver().giveBack(first)]).toEqual(["done", "nothing"]);
    expect(await driver().taken("web-01")).toMatchObject({ take: { attempt: 2 } });
    expect(await driver().giveBack(first)).toBe("nothing");
    expect(await driver().state("web-01")).toBe("delivered");
  });

  test("does not give back what was replaced meanwhile, taken again or not", async () => {
    const first = await delivered();
    await driver().enqueue(newDispatch("web-01", undefined, "new"));
    expect(await driver().giveBack(first)).toBe("nothing");
    await driver().taken("web-01");
    expect(await driver().giveBack(first)).toBe("nothing");
    expect(await driver().state("web-01")).toBe("delivered");
  });

  test("does not give back what was acknowledged, nor cancel what was handed out for good", async () => {
    const taken = await delivered();
    expect(await driver().cancel("web-01")).toBe("too_late");
    await driver().acknowledge(taken);
    expect(await driver().giveBack(taken)).toBe("nothing");
    expect(await driver().cancel("web-01")).toBe("too_late");
    expect(await driver().state("web-01")).toBe("acknowledged");
  });

  test("is dead when its last attempt comes back", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { maxAttempts: 2 }));
    await driver().giveBack(await driver().taken("web-01"));
    await driver().giveBack(await driver().taken("web-01"));
    expect([await driver().state("web-01"), await driver().take("web-01")]).toEqual(["dead", []]);
  });
});

describeStores("after a take that waits for proof", (driver) => {
  const hidden = async () => {
    await driver().enqueue(newDispatch("web-01"));
    return driver().taken("web-01", confirmed);
  };

  test("counts as delivered once receipt is proven, and stays so", async () => {
    const taken = await hidden();
    expect([await driver().confirm(taken), await driver().confirm(taken)]).toEqual(["done", "nothing"]);
    driver().clock.advance(3_600_000);
    await driver().store.settleDue(10);
    expect(await driver().state("web-01")).toBe("delivered");
    expect(await driver().acknowledge(taken)).toBe("done");
  });

  test("counts as more than delivered once it is acknowledged, which proves receipt too", async () => {
    const taken = await hidden();
    expect(await driver().acknowledge(taken)).toBe("done");
    expect(await driver().confirm(taken)).toBe("nothing");
    expect(await driver().state("web-01")).toBe("acknowledged");
  });

  test("takes no proof that comes late or is of an older attempt", async () => {
    const first = await hidden();
    driver().clock.advance(30_000);
    expect(await driver().confirm(first)).toBe("nothing");
    await driver().taken("web-01", confirmed);
    expect(await driver().confirm(first)).toBe("nothing");
    expect(await driver().state("web-01")).toBe("leased");
  });

  test("gives back at once what did not leave", async () => {
    const taken = await hidden();
    expect(await driver().giveBack(taken)).toBe("done");
    expect(await driver().taken("web-01", confirmed)).toMatchObject({ take: { attempt: 2 } });
  });
});

describeStores("for a batch of steps", (driver) => {
  test("does each by itself: one that fails leaves the others alone", async () => {
    await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"));
    await driver().taken("web-01", lease);
    const second = await driver().taken("web-02", lease);
    const acknowledge = { kind: "acknowledge", origin: origin("agent") } as const;
    const results = await driver().store.apply([
      { ...acknowledge, ...key("web-01"), token: foreign },
      { ...acknowledge, ...key("web-09"), token: undefined },
      { ...acknowledge, ...key("web-02"), token: second.lease?.token },
      { ...acknowledge, ...key("web-02"), token: second.lease?.token },
    ]);
    expect(results.map((result) => (result.ok ? result.change?.row.state : result.error.reason))).toEqual([
      "attempt_over",
      "unknown_dispatch",
      "acknowledged",
      undefined,
    ]);
    expect(await driver().state("web-01")).toBe("leased");
  });

  test("cancels what waits, and says of what nobody knows that nobody knows it", async () => {
    await driver().enqueue(newDispatch("web-01"));
    expect([await driver().cancel("web-01"), await driver().cancel("web-02")]).toEqual(["done", "unknown_dispatch"]);
    expect((await driver().events("web-01")).at(-1)).toMatchObject({ kind: "cancelled", detail: "not now" });
  });
});
