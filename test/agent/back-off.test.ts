import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRetryAfter, retryDelayMs } from "../../src/agent/back-off.js";

const retry = { baseMs: 1_000, capMs: 30_000 };
const nowMs = Date.UTC(2026, 4, 16, 1, 30);

describe("retryDelayMs", () => {
  test("lies between Retry-After and the doubled base, at most the cap, above it", () => {
    fc.assert(
      fc.property(
        fc.nat(5_000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(),
        (failures, random, retryAfterMs) => {
          const delayMs = retryDelayMs(retry, failures, () => random, retryAfterMs);
          expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs);
          expect(delayMs).toBeLessThanOrEqual(retryAfterMs + Math.min(30_000, 1_000 * 2 ** failures));
        },
      ),
    );
  });

  test("uses the whole range from nothing on", () => {
    expect([0, 0.25, 0.5, 0.999].map((random) => retryDelayMs(retry, 2, () => random))).toEqual([
      0, 1_000, 2_000, 3_996,
    ]);
  });
});

describe("parseRetryAfter", () => {
  test.each([
    ["0", 0],
    ["120", 120_000],
    [" 5 ", 5_000],
    ["Sat, 16 May 2026 01:30:30 GMT", 30_000],
    ["Sat, 16 May 2026 01:00:00 GMT", 0],
    ["999999999999", 3_600_000],
    ["Sun, 16 May 2027 01:30:30 GMT", 3_600_000],
  ])("takes %j as %d ms", (value, ms) => {
    expect(parseRetryAfter(value, nowMs)).toBe(ms);
  });

  test.each([undefined, null, "", "soon", "-1", "1.5", "2026-05-16"])("ignores %j", (value) => {
    expect(parseRetryAfter(value, nowMs)).toBeUndefined();
  });
});
