import { describe, expect, test } from "vitest";
import { maxDispatchesPerEnqueue, parseNewDispatches, type RawDispatch } from "../../src/dispatch/enqueue.js";
import { instantFromMicros, instantFromMs } from "../../src/dispatch/instant.js";
import { leaseTokenFrom, parseLeaseMs, parseLeaseToken, parseReason } from "../../src/dispatch/lease.js";
import { endGridMs, waitMsFor } from "../../src/dispatch/wait.js";

const good: RawDispatch = {
  hostname: "web-01.site-a",
  rolloutId: "stable@a1b2c3d4",
  targetClosure: "/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05",
  soakDueAt: instantFromMs(Date.UTC(2026, 4, 16)),
};

describe("a new dispatch", () => {
  test("that keeps every rule is taken as it is", () => {
    const whole = { ...good, notBefore: instantFromMs(1), notAfter: instantFromMs(2), maxAttempts: 1_000 };
    expect(parseNewDispatches([whole])).toEqual([whole]);
  });

  test("is handed out at once, ten times at the most and without an end, unless it says otherwise", () => {
    expect(parseNewDispatches([good])).toEqual([{ ...good, notBefore: null, notAfter: null, maxAttempts: 10 }]);
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
    ["a begin out of range", { notBefore: "out of range" }, "dispatches[1].not_before: must be an instant from 1970"],
    ["an end out of range", { notAfter: "out of range" }, "dispatches[1].not_after: must be an instant from 1970"],
    [
      "an end before its begin",
      { notBefore: instantFromMs(2), notAfter: instantFromMs(1) },
      "dispatches[1].not_after: must be later than not_before",
    ],
    [
      "an end at its begin",
      { notBefore: instantFromMs(2), notAfter: instantFromMs(2) },
      "dispatches[1].not_after: must be later than not_before",
    ],
    ["no attempt", { maxAttempts: 0 }, "dispatches[1].max_attempts: must be 1 to 1000, is 0"],
    ["too many attempts", { maxAttempts: 1_001 }, "dispatches[1].max_attempts: must be 1 to 1000, is 1001"],
    ["half an attempt", { maxAttempts: 1.5 }, "dispatches[1].max_attempts: must be 1 to 1000, is 1.5"],
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

describe("a lease", () => {
  test.each([1, 60, 3_600])("of %d seconds is taken", (seconds) => {
    expect(parseLeaseMs(seconds, "lease_seconds")).toBe(seconds * 1_000);
  });

  test.each([0, 3_601, 1.5, -1, Number.NaN])("of %d seconds is refused by field and rule", (seconds) => {
    expect(() => parseLeaseMs(seconds, "lease_seconds")).toThrow(`lease_seconds: must be 1 to 3600, is ${seconds}`);
  });

  test("has a token that 16 random bytes make, and that is read back as it is", () => {
    const token = leaseTokenFrom(Buffer.alloc(16, 0xff));
    expect(token).toBe("_____________________w");
    expect(parseLeaseToken(token, "lease_token")).toBe(token);
    expect(() => leaseTokenFrom(Buffer.alloc(15))).toThrow("15 bytes make no token");
  });

  test("that was not asked for has the empty token", () => {
    expect(parseLeaseToken("", "lease_token")).toBeUndefined();
  });

  test.each(["x", "a".repeat(21), "a".repeat(23), `${"a".repeat(21)}+`, `${"a".repeat(21)}=`, `${"a".repeat(22)}\n`])(
    "is never that of the token %j",
    (token) => {
      expect(() => parseLeaseToken(token, "lease_token")).toThrow("lease_token: must be the token of a lease");
    },
  );
});

describe("a reason", () => {
  test("has up to 1,024 bytes, not characters", () => {
    expect(parseReason("a".repeat(1_024), "reason")).toHaveLength(1_024);
    expect(parseReason("ä".repeat(512), "reason")).toHaveLength(512);
    expect(parseReason("", "reason")).toBe("");
    expect(() => parseReason("a".repeat(1_025), "reason")).toThrow("reason: must have at most 1024 bytes of UTF-8");
    expect(() => parseReason("ä".repeat(513), "reason")).toThrow("at most 1024 bytes of UTF-8, has 1026");
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
  ])(
    "asked for %s s is held for at most %i ms, the grid of ends included, and 5 %% less at the least",
    (asked, most) => {
      expect(waitMsFor(asked, () => 0)).toBe(most === 0 ? 0 : most - endGridMs(most));
      const least = waitMsFor(asked, () => 0.999999);
      expect(least).toBeGreaterThanOrEqual(most * 0.95);
      expect(least).toBeLessThanOrEqual(most);
    },
  );
});
