import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { hasColour, printError } from "../../src/cli/output.js";
import { formatTable } from "../../src/cli/table.js";
import { UsageError } from "../../src/config/usage-error.js";
import { formatDuration, formatElapsed, formatSpan } from "../../src/words/elapsed.js";
import { recordingIo } from "./recording-io.js";

describe("an error", () => {
  const printed = (thrown: unknown): string => {
    const { io, printed } = recordingIo();
    printError(io, thrown);
    const { stdout, stderr } = printed();
    expect(stdout).toBe("");
    return stderr;
  };

  test("is one line, and a hint where there is one", () => {
    expect(printed(new Error("no"))).toBe("error: no\n");
    expect(printed(new UsageError("no", "Do."))).toBe("error: no\nhint: Do.\n");
  });

  test("of the server is shown without the code's name", () => {
    expect(printed(new ConnectError("hostname: must be lower case", Code.InvalidArgument))).toBe(
      "error: hostname: must be lower case\n",
    );
  });

  test("of the network tells what to do", () => {
    const cause = Object.assign(new Error("connect ECONNREFUSED ::1:8443"), { code: "ECONNREFUSED" });
    expect(printed(new AggregateError([cause], "", { cause }))).toMatch(
      /^error: connect ECONNREFUSED .*\nhint: .* serve\n$/,
    );
  });

  test("cannot move the cursor or break the line", () => {
    expect(printed(new Error("a\u001b[2Jb\r\nc\u0007d"))).toBe("error: ab c d\n");
  });

  test("that is no error is shown all the same", () => {
    expect(printed("text")).toBe("error: text\n");
    expect(printed(new RangeError("x"))).toMatch(/^error: x\nhint: This looks like a bug\./);
  });
});

test("colours follow NO_COLOR, FORCE_COLOR and the terminal, in this order", () => {
  const { io } = recordingIo();
  const terminal = Object.assign(recordingIo().io.stdout, { isTTY: true });
  expect(hasColour({ env: {} }, terminal)).toBe(true);
  expect(hasColour({ env: {} }, io.stdout)).toBe(false);
  expect(hasColour({ env: { TERM: "dumb" } }, terminal)).toBe(false);
  expect(hasColour({ env: { NO_COLOR: "1", FORCE_COLOR: "1" } }, terminal)).toBe(false);
  expect(hasColour({ env: { FORCE_COLOR: "1" } }, io.stdout)).toBe(true);
  expect(hasColour({ env: { FORCE_COLOR: "0" } }, terminal)).toBe(false);
});

test("a table's columns are as wide as their widest cell, colours not counted", () => {
  const rows = [
    ["web-01", "\u001b[31mdead\u001b[39m", "x"],
    ["a", "ok"],
  ];
  expect(formatTable(["HOST", "STATE", "N"], rows)).toBe(
    "HOST    STATE  N\nweb-01  \u001b[31mdead\u001b[39m   x\na       ok",
  );
});

describe("times as a person says them", () => {
  test.each([
    [0, "0 s"],
    [59_499, "59 s"],
    [59_500, "1 m"],
    [60_000, "1 m"],
    [299_900, "5 m"],
    [59.5 * 60_000, "1 h"],
    [3_600_000 * 23, "23 h"],
    [3_600_000 * 23.5, "1 d"],
    [86_400_000 * 2.9, "3 d"],
    [86_400_000 * 400, "400 d"],
  ])("%d ms is about %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });

  test.each([
    [0, "0 ms"],
    [0.4, "0 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [1_249, "1.2 s"],
    [59_940, "59.9 s"],
    [59_960, "1 m"],
    [299_900, "5 m"],
    [298_900, "4 m 59 s"],
    [3_599_600, "1 h"],
    [7_380_000, "2 h 3 m"],
    [86_390_000, "1 d"],
    [273_600_000, "3 d 4 h"],
  ])("%d ms, measured, is %s", (durationMs, text) => {
    expect(formatSpan(durationMs)).toBe(text);
  });

  test("from now, in both directions", () => {
    const now = new Date("2026-05-16T01:30:00Z");
    expect(formatElapsed(new Date("2026-05-16T01:27:00Z"), now)).toBe("3 m ago");
    expect(formatElapsed(new Date("2026-05-16T03:30:00Z"), now)).toBe("in 2 h");
    expect(formatElapsed(new Date("2026-05-16T01:30:00.5Z"), now)).toBe("now");
  });
});
