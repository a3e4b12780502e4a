import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { httpStatus } from "../../src/http/errors.js";
import { errorReasons, isErrorReason } from "./error-reasons.js";
import { fencesIn } from "./markdown.js";

const page = readFileSync("docs/request-life.md", "utf8");
const [diagram, ...others] = fencesIn(page);
const lines = diagram?.text.split("\n") ?? [];

interface Exit {
  /** The module of its step. */
  readonly file: string;
  readonly reason: string;
  readonly status: number;
}

const exits: Exit[] = lines.flatMap((line) => {
  const [step = "", reasons = ""] = line.split("✗");
  const [file = ""] = step.match(/src\/\S+/) ?? [];
  return [...reasons.matchAll(/(\w+) (\d{3})/g)].map(([, reason = "", status]) => ({
    file,
    reason,
    status: Number(status),
  }));
});

describe("docs/request-life.md", () => {
  test("has one diagram", () => {
    expect(others).toEqual([]);
    expect(exits.length).toBeGreaterThan(errorReasons.length);
  });

  test("every file that it names exists", () => {
    const named = [...page.matchAll(/src\/[\w/.-]+\.ts/g)].map(([path]) => path);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  test("every reason that it names is in the table of errors, with its status", () => {
    const wrong = exits.filter(({ reason, status }) => !isErrorReason(reason) || httpStatus[reason] !== status);
    expect(wrong).toEqual([]);
  });

  test("every reason of the table of errors is in the diagram", () => {
    const named = new Set(exits.map(({ reason }) => reason));
    expect(errorReasons.filter((reason) => !named.has(reason))).toEqual([]);
  });

  test("the module of a step is where its errors come from", () => {
    const strange = exits.filter(({ file, reason }) => !comesFrom(readFileSync(file, "utf8"), reason));
    expect(strange).toEqual([]);
  });

  test("a ✗ names nothing but reasons with their statuses, and a remark", () => {
    const rests = lines
      .filter((line) => line.includes("✗"))
      .map((line) => line.replace(/^.*✗/, "").replace(/:.*/, ""))
      .map((named) => named.replace(/ \w+ \d{3}(,|$)/g, ""));
    expect(rests.filter((rest) => rest !== "")).toEqual([]);
  });
});

/** `internal` comes from whatever nobody foresaw, so from anywhere. */
function comesFrom(source: string, reason: string): boolean {
  const isNamed = source.includes(`"${reason}"`);
  return isNamed || reason === "internal" || (reason === "invalid_argument" && /\binvalid\(/.test(source));
}
