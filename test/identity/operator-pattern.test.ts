import { describe, expect, test } from "vitest";
import { operatorMatcher } from "../../src/identity/operator-pattern.js";

describe("a pattern for operators", () => {
  test.each([
    ["operator-*", "operator-ada", true],
    ["operator-*", "operator-", true],
    ["operator-*", "operator", false],
    ["operator-*", "xoperator-ada", false],
    ["*.ops.lab", "ada.ops.lab", true],
    ["*.ops.lab", "ada.ops.lab.evil", false],
    ["op-*.lab", "op-ada.lab", true],
    ["op-*.lab", "op-.lab", true],
    ["ada", "ada", true],
    ["ada", "ada2", false],
    ["a.b", "axb", false],
    ["[a-z]*", "ada", false],
  ])("%s against %s: %s", (pattern, cn, matches) => {
    expect(operatorMatcher([pattern])(cn)).toBe(matches);
  });

  test("does not let its two halves share characters", () => {
    expect(operatorMatcher(["ab*ba"])("aba")).toBe(false);
    expect(operatorMatcher(["ab*ba"])("abba")).toBe(true);
  });

  test("is one of several of which any may match", () => {
    const isOperator = operatorMatcher(["ada", "op-*"]);
    expect(["ada", "op-1", "eve"].map(isOperator)).toEqual([true, true, false]);
  });

  test("without any pattern nobody is an operator", () => {
    expect(operatorMatcher([])("operator-ada")).toBe(false);
  });

  test("with two stars is refused", () => {
    expect(() => operatorMatcher(["op-*-*"])).toThrow('"op-*-*" has more than one *');
  });

  test("that matches every name is refused", () => {
    expect(() => operatorMatcher(["op-*", "*"])).toThrow("every certificate");
  });
});
