import { expect, test } from "vitest";
import { formatBytes } from "../../src/words/bytes.js";

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [999, "999 bytes"],
  [1_000, "1.0 kB"],
  [77_824, "77.8 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [3_400_000_000, "3.4 GB"],
  [5e15, "5000.0 TB"],
])("%d is %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
