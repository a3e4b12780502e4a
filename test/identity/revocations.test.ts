import { describe, expect, test } from "vitest";
import { parseRevocations } from "../../src/identity/revocations.js";

const parse = (value: unknown) => [...parseRevocations(JSON.stringify(value))];

describe("the list of revocations", () => {
  test("maps subjects to instants", () => {
    const web = Date.UTC(2026, 4, 16, 1, 30);
    expect(parse({ "web-01": "2026-05-16T01:30:00Z", "operator-ada": "2026-05-16T03:30:00.250+02:00" })).toEqual([
      ["web-01", web],
      ["operator-ada", web + 250],
    ]);
  });

  test("may be empty", () => {
    expect(parse({})).toEqual([]);
  });

  test.each([[[]], [null], ["web-01"], [7]])("that is %j is refused", (value) => {
    expect(() => parse(value)).toThrow("must be a JSON object such as");
  });

  test("that is not JSON is refused", () => {
    expect(() => parseRevocations('{"web-01": ')).toThrow(SyntaxError);
    expect(() => parseRevocations("")).toThrow(SyntaxError);
  });

  test.each([
    [null],
    [1_778_895_000_000],
    ["now"],
    ["2026-05-16"],
    ["2026-05-16T01:30:00"],
    ["2026-05-16 01:30:00Z"],
    ["2026-13-01T00:00:00Z"],
    ["2026-05-16T25:00:00Z"],
    ["2026-05-16T01:30:00+99:99"],
    ["2026-05-16T01:30:00Z\n"],
  ])("with the instant %j is refused by the name of its entry", (instant) => {
    expect(() => parse({ "web-00": "2026-05-16T01:30:00Z", "web-01": instant })).toThrow(
      '"web-01": must be an RFC 3339 instant',
    );
  });

  test.each(["Web-01", "web 01", "", "web_01", "__proto__", "CN=web-01"])(
    "with the subject %j, which no certificate can have, is refused rather than kept without effect",
    (subject) => {
      const text = `{${JSON.stringify(subject)}: "2026-05-16T01:30:00Z"}`;
      expect(() => parseRevocations(text)).toThrow("must be a machine id");
    },
  );
});
