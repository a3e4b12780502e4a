import { describe, expect, test } from "vitest";
import { maxDispatchesPerEnqueue, parseNewDispatches, type RawDispatch } from "../../src/dispatch/enqueue.js";
import { instantFromMicros, instantFromMs } from "../../src/dispatch/instant.js";
import { waitMsFor } from "../../src/dispatch/wait.js";

const good: RawDispatch = {
  hostname: "web-01.site-a",
  rolloutId: "stable@a1b2c3d4",
  targetClosure: "/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05",
  soakDueAt: instantFromMs(Date.UTC(2026, 4, 16)),
};

describe("a new dispatch", () => {
  test("that keeps every rule is taken as it is", () => {
    expect(parseNewDispatches([good])).toEqual([good]);
  });

  test.each<[string, Partial<RawDispatch>, string]>([
    ["no hostname", { hostname: "" }, "dispatches[1].hostname: is required"],
    ["an upper-case hostname", { hostname: "Web-01" }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["an underscore in its hostname", { hostname: "web_01" }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["a label that ends with a dash", { hostname: "web-.a" }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["an empty label", { hostname: "web..a" }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["a label of 64 characters", { hostname: "a".repeat(64) }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["a hostname of 254 characters", { hostname: `${"a.".repeat(126)}aa` }, "dispatches[1].hostname: must be RFC 1123"],
    ["a newline behind its hostname", { hostname: "web-01\n" }, "dispatches[1].hostname: must be RFC 1123 labels"],
    ["no rollout id", { rolloutId: "" }, "dispatches[1].rollout_id: is required"],
    ["a rollout id without @", { rolloutId: "stable" }, "dispatches[1].rollout_id: must be <channel>@<ref>"],
    ["a ref that is not hex", { rolloutId: "stable@xyz" }, "dispatches[1].rollout_id: must be <channel>@<ref>"],
    ["an upper-case ref", { rolloutId: "stable@A1" }, "dispatches[1].rollout_id: must be <channel>@<ref>"],
    ["an empty channel", { rolloutId: "@a1" }, "dispatches[1].rollout_id: must be <channel>@<ref>"],
    ["no closure", { targetClosure: "" }, "dispatches[1].target_closure: is required"],
    [
      "a closure outside the store",
      { targetClosure: "/etc/passwd" },
      "dispatches[1].target_closure: must be /nix/store",
    ],
    ["a closure that climbs", { targetClosure: "/nix/store/../x" }, "dispatches[1].target_closure: must be /nix/store"],
    ["no soak date", { soakDueAt: undefined }, "dispatches[1].soak_due_at: is required"],
    [
      "a soak date out of range",
      { soakDueAt: "out of range" },
      "dispatches[1].soak_due_at: must be an instant from 1970",
    ],
  ])("with %s is refused by item, field and rule", (_, change, message) => {
    expect(() => parseNewDispatches([good, { ...good, ...change }])).toThrow(message);
  });

  test("the longest hostname is taken", () => {
    const hostname = `${"a.".repeat(126)}a`;
    expect(hostname).toHaveLength(253);
    expect(parseNewDispatches([{ ...good, hostname }])).toHaveLength(1);
  });

  test("comes with 1 to 10,000 others, all or nothing", () => {
    expect(() => parseNewDispatches([])).toThrow("dispatches: must have 1 to 10000 items, has none");
    const many = Array.from({ length: maxDispatchesPerEnqueue }, () => good);
    expect(parseNewDispatches(many)).toHaveLength(10_000);
    expect(() => parseNewDispatches([...many, good])).toThrow("dispatches: must have 1 to 10000 items, has 10001");
  });
});

describe("an instant", () => {
  test("is a whole microsecond from 1970 to the end of 2199", () => {
    expect(instantFromMicros(0)).toBe(0);
    expect(instantFromMicros(-1)).toBeUndefined();
    expect(instantFromMicros(0.5)).toBeUndefined();
    expect(instantFromMicros(Date.UTC(2200, 0, 1) * 1000 - 1)).toBe(7258118399999999);
    expect(instantFromMicros(Date.UTC(2200, 0, 1) * 1000)).toBeUndefined();
  });
});

describe("the wait of a poll", () => {
  test.each<[bigint | undefined, number]>([
    [undefined, 60_000],
    [0n, 0],
    [5n, 5_000],
    [60n, 60_000],
    [61n, 60_000],
    [18446744073709551615n, 60_000],
  ])("asked for %s s is held for at most %i ms, and 5 %% less at the least", (asked, most) => {
    expect(waitMsFor(asked, () => 0)).toBe(most);
    const least = waitMsFor(asked, () => 0.999999);
    expect(least).toBeGreaterThanOrEqual(most * 0.95);
    expect(least).toBeLessThanOrEqual(most);
  });
});
