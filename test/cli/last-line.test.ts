import { expect, test } from "vitest";
import { LastLine } from "../../src/cli/last-line.js";

function lastOf(...chunks: (string | Buffer)[]): string {
  const line = new LastLine();
  for (const chunk of chunks) line.add(Buffer.from(chunk));
  return line.text;
}

const euro = Buffer.from("€");

test.each([
  ["nothing", [], ""],
  ["blank lines", ["\n \r\n\n"], ""],
  ["a line without its end", ["one\ntwo"], "two"],
  ["blank lines at the end", ["one\ntwo\n\n  \n"], "two"],
  ["a line in pieces", ["o", "ne\ntw", "o", "\n", "\n"], "two"],
  ["a character in pieces", [euro.subarray(0, 1), euro.subarray(1)], "€"],
  ["a progress bar", ["10 %\r50 %\r", "done\r"], "done"],
  ["colours and other control characters", ["\u001b[31;1merror:\u001b[0m no\u0007 space\n"], "error: no space"],
  ["a line that is only colour", ["one\n\u001b[0m"], "one"],
])("of %s", (_, chunks, expected) => {
  expect(lastOf(...chunks)).toBe(expected);
});

test("keeps the beginning of a line that does not end", () => {
  const line = new LastLine();
  line.add(Buffer.from("start "));
  for (let i = 0; i < 1_000; i++) line.add(Buffer.from("x".repeat(100)));
  expect(line.text.length).toBe(4_096);
  expect(line.text.startsWith("start xxx")).toBe(true);
});
