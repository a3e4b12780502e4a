import { describe, expect, test } from "vitest";
import { lineWidth, shortenClosure, shortenEnd } from "../../../src/cli/operator/shorten.js";
import { recordingIo } from "../recording-io.js";

const path = "/nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-web-01-26.05";

describe("a closure", () => {
  test.each([
    [undefined, path],
    [path.length, path],
    [path.length - 1, "0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-nixos-system-web-01-26.05"],
    [40, "0c6kzph…mfrlvvhz-nixos-system-web-01-26.05"],
    [20, "0c6kzph…web-01-26.05"],
    // Less would say nothing.
    [3, "0c6kzph…01-26.05"],
  ])("in %s characters", (width, expected) => {
    const shown = shortenClosure(path, width);
    if (width !== undefined && width >= 16) expect(shown.length).toBeLessThanOrEqual(width);
    expect(shown.slice(0, 7)).toBe(expected.slice(0, 7));
    expect(shown.endsWith(expected.slice(-8))).toBe(true);
    if (width === undefined || width >= path.length - 1 || width === 20 || width === 3) expect(shown).toBe(expected);
  });

  test("is whole where nobody looks, and as wide as the terminal where somebody does", () => {
    const { stdout } = recordingIo().io;
    expect(lineWidth(stdout)).toBeUndefined();
    expect(lineWidth(Object.assign(stdout, { isTTY: true, columns: 72 }))).toBe(72);
  });
});

test("the end of a text goes first", () => {
  expect([shortenEnd("nixfleet-agent", 14), shortenEnd("nixfleet-agent", 9)]).toEqual(["nixfleet-agent", "nixfleet…"]);
});
