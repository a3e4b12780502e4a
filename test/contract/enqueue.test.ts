import { expect, test } from "vitest";
import { group, newDispatch, taker } from "../support/dispatches.js";
import { confirmed, describeStores, key, lease, rolloutsOf } from "./driver.js";

describeStores("at an enqueue", (driver) => {
  test("keeps all that the producer said, and says that it is new", async () => {
    const dispatch = newDispatch("web-01", "stable@aa", "c", {
      notBefore: driver().instant(1_000),
      notAfter: driver().instant(2_000),
      maxAttempts: 3,
    });
    expect(await driver().enqueue(dispatch)).toEqual(["created"]);
    expect(await driver().store.find(dispatch)).toEqual({
      ...dispatch,
      enqueuedAt: driver().instant(),
      sequence: 1,
      state: "pending",
      attempt: 0,
      leaseToken: null,
      leaseEndsAt: null,
      leaseExpiresAt: null,
      reason: null,
      changedAt: driver().instant(),
    });
  });

  test("puts everything new over what waits under the pair, and says so", async () => {
    const options = { notBefore: driver().instant(1_000), notAfter: driver().instant(2_000), maxAttempts: 3 };
    await driver().enqueue(newDispatch("web-01", "stable@aa", "old", options));
    driver().clock.advance(5);
    const dispatch = newDispatch("web-01", "stable@aa", "new");
    expect(await driver().enqueue(dispatch)).toEqual(["replaced"]);
    expect(await driver().store.find(dispatch)).toMatchObject({ ...dispatch, enqueuedAt: driver().instant() });
  });

  test("lets the later count of two of one pair in one enqueue", async () => {
    const outcomes = await driver().enqueue(
      newDispatch("web-01", "s@aa", "first"),
      newDispatch("web-01", "s@aa", "second"),
    );
    expect(outcomes).toEqual(["created", "replaced"]);
    const taken = await driver().take("web-01", taker(), taker());
    expect(taken.map(({ dispatch }) => dispatch.targetClosure)).toEqual(["/nix/store/second"]);
  });

  test("answers groups of one commit one by one, with one instant", async () => {
    const receipts = await driver().store.enqueue([
      group(newDispatch("web-01")),
      group(newDispatch("web-02"), newDispatch("a")),
    ]);
    expect(receipts.map(({ results }) => results.map(({ hostname }) => hostname))).toEqual([
      ["web-01"],
      ["web-02", "a"],
    ]);
    expect(new Set(receipts.map(({ enqueuedAt }) => enqueuedAt)).size).toBe(1);
  });

  test.each([
    ["delivered", async () => void (await driver().taken("web-01"))],
    ["acknowledged", async () => void (await driver().acknowledge(await driver().taken("web-01")))],
    ["rejected", async () => void (await driver().reject(await driver().taken("web-01")))],
    ["cancelled", async () => void (await driver().cancel("web-01"))],
    ["superseded", async () => void (await driver().supersede(newDispatch("web-01", "stable@ff")))],
  ])("makes a pair that was %s a new one, with its attempts from the beginning", async (state, end) => {
    await driver().enqueue(newDispatch("web-01"));
    await end();
    expect(await driver().state("web-01")).toBe(state);
    expect(await driver().enqueue(newDispatch("web-01"))).toEqual(["created"]);
    expect(await driver().store.find(key("web-01"))).toMatchObject({ state: "pending", attempt: 0, reason: null });
  });

  test("makes a pair that was expired or dead a new one", async () => {
    await driver().enqueue(newDispatch("web-01", undefined, undefined, { notAfter: driver().instant(1_000) }));
    await driver().enqueue(newDispatch("web-02", undefined, undefined, { maxAttempts: 1 }));
    await driver().taken("web-02", lease);
    driver().clock.advance(60_000);
    await driver().store.settleDue(10);
    expect([await driver().state("web-01"), await driver().state("web-02")]).toEqual(["expired", "dead"]);
    expect(await driver().enqueue(newDispatch("web-01"), newDispatch("web-02"))).toEqual(["created", "created"]);
    expect([await driver().take("web-01"), await driver().take("web-02")]).toMatchObject([[{}], [{}]]);
  });

  test.each([
    ["lease", lease],
    ["hidden lease", confirmed],
  ])("of the same closure leaves a live %s alone and moves the soak only", async (_, terms) => {
    await driver().enqueue(newDispatch("web-01", "stable@aa", "same"));
    const taken = await driver().taken("web-01", terms);
    const before = await driver().store.find(key("web-01", "stable@aa"));
    driver().clock.advance(1_000);
    const soakDueAt = driver().instant(7_000);
    const again = newDispatch("web-01", "stable@aa", "same", { soakDueAt, maxAttempts: 1, notAfter: soakDueAt });
    expect(await driver().enqueue(again)).toEqual(["kept"]);
    expect(await driver().store.find(again)).toEqual({ ...before, soakDueAt });
    expect(await driver().take("web-01")).toEqual([]);
    expect(await driver().acknowledge(taken)).toBe("done");
  });

  test("of another closure ends a live lease: it waits again, and what its agent says comes too late", async () => {
    await driver().enqueue(newDispatch("web-01", "stable@aa", "old"));
    const taken = await driver().taken("web-01", lease);
    expect(await driver().enqueue(newDispatch("web-01", "stable@aa", "new"))).toEqual(["replaced"]);
    expect(await driver().acknowledge(taken)).toBe("attempt_over");
    expect(await driver().taken("web-01")).toMatchObject({
      dispatch: { targetClosure: "/nix/store/new" },
      take: { attempt: 1 },
    });
  });

  test("of the same closure replaces it once its lease has run out", async () => {
    await driver().enqueue(newDispatch("web-01"));
    await driver().taken("web-01", lease);
    driver().clock.advance(60_000);
    expect(await driver().enqueue(newDispatch("web-01"))).toEqual(["replaced"]);
    expect(await driver().taken("web-01")).toMatchObject({ take: { attempt: 1 } });
  });

  test("supersedes what waits of its host and channel, and nothing else", async () => {
    await driver().enqueue(
      newDispatch("web-01", "stable@aa"),
      newDispatch("web-01", "stable@bb", "c", { notBefore: driver().instant(1_000) }),
      newDispatch("web-01", "stable-2@aa"),
      newDispatch("web-01", "stable_2@aa"),
      newDispatch("web-02", "stable@aa"),
    );
    const [result] = await driver().supersede(newDispatch("web-01", "stable@cc"));
    expect(result).toEqual({ ...key("web-01", "stable@cc"), outcome: "created", superseded: 2 });
    expect(rolloutsOf(await driver().take("web-01", taker(), taker(), taker(), taker()))).toEqual([
      "stable-2@aa",
      "stable_2@aa",
      "stable@cc",
    ]);
    expect(await driver().state("web-01", "stable@aa")).toBe("superseded");
    expect(await driver().state("web-01", "stable@bb")).toBe("superseded");
    expect(await driver().state("web-02", "stable@aa")).toBe("pending");
  });

  test("supersedes nothing that somebody has, or that is over", async () => {
    const refs = ["aa", "bb", "cc"];
    await driver().enqueue(...refs.map((ref) => newDispatch("web-01", `stable@${ref}`)));
    const [leased, done] = await driver().take("web-01", taker(lease), taker(lease), taker());
    if (leased === undefined || done === undefined) throw new Error("bad test");
    await driver().acknowledge(done);
    const [result] = await driver().supersede(newDispatch("web-01", "stable@dd"));
    expect(result?.superseded).toBe(0);
    expect(await Promise.all(refs.map((ref) => driver().state("web-01", `stable@${ref}`)))).toEqual([
      "leased",
      "acknowledged",
      "delivered",
    ]);
  });

  test("supersedes within one enqueue, so that of each host and channel the last one is left", async () => {
    const results = await driver().supersede(
      newDispatch("web-01", "stable@aa"),
      newDispatch("web-01", "beta@aa"),
      newDispatch("web-01", "stable@bb"),
      newDispatch("web-01", "stable@cc"),
      newDispatch("web-01", "stable@cc"),
    );
    expect(results.map(({ outcome, superseded }) => [outcome, superseded])).toEqual([
      ["created", 0],
      ["created", 0],
      ["created", 1],
      ["created", 1],
      ["replaced", 0],
    ]);
    expect(rolloutsOf(await driver().take("web-01", taker(), taker(), taker()))).toEqual(["beta@aa", "stable@cc"]);
  });

  test("supersedes for those groups of one commit that asked for it, and names by what", async () => {
    await driver().enqueue(newDispatch("web-01", "stable@aa"), newDispatch("web-02", "stable@aa"));
    const receipts = await driver().store.enqueue([
      { ...group(newDispatch("web-01", "stable@bb")), supersede: true },
      group(newDispatch("web-02", "stable@bb")),
    ]);
    expect(receipts.map(({ results }) => results.map(({ superseded }) => superseded))).toEqual([[1], [0]]);
    const [, event] = await driver().events("web-01", "stable@aa");
    expect(event).toMatchObject({ kind: "superseded", detail: "by stable@bb", actor: "operator-ci" });
  });
});
