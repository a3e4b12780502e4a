import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { rulesWith } from "../torture/checker/check.js";
import { tableRows } from "./markdown.js";

const page = readFileSync("docs/proofs.md", "utf8");

test("docs/proofs.md has a row for each promise that the checker knows", () => {
  const names = rulesWith({ withinMs: 1_000 }).map(({ name }) => name);
  expect(tableRows(page, "Promise").map(([name]) => name)).toEqual(names);
});
