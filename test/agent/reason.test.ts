import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reasonOf, truncateReason } from "../../src/agent/reason.js";

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

describe("truncateReason", () => {
  test.each([
    ["what fits", "x".repeat(1_024), "x".repeat(1_024)],
    ["one byte more", "x".repeat(1_025), "x".repeat(1_024)],
    ["two bytes a character", "ä".repeat(600), "ä".repeat(512)],
    ["a character over the edge", `${"x".repeat(1_022)}€`, "x".repeat(1_022)],
    ["four bytes over the edge", `${"x".repeat(1_023)}😀`, "x".repeat(1_023)],
    ["four bytes up to the edge", `${"x".repeat(1_020)}😀`, `${"x".repeat(1_020)}😀`],
    ["a byte order mark", "\ufeffx", "\ufeffx"],
    ["half a character", "a\ud83d", "a\ufffd"],
  ])("%s", (_, text, expected) => {
    expect(truncateReason(text)).toBe(expected);
  });

  test("is a whole beginning of any text, and as long as can be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 0, maxLength: 2_000, size: "max" }), (text) => {
        const cut = truncateReason(text);
        expect(text.startsWith(cut)).toBe(true);
        expect(bytesOf(cut)).toBeLessThanOrEqual(1_024);
        if (cut !== text) expect(bytesOf(cut)).toBeGreaterThan(1_024 - 4);
      }),
    );
  });
});

describe("reasonOf", () => {
  test.each([
    [new Error("no space left"), "no space left"],
    [new Error("building…\r\nno space left  \n\n"), "no space left"],
    [new Error(""), "Error"],
    [new TypeError("\n \n"), "TypeError"],
    ["just text\nand more", "and more"],
    [undefined, "undefined"],
  ])("of %j is %j", (thrown, reason) => {
    expect(reasonOf(thrown)).toBe(reason);
  });
});
