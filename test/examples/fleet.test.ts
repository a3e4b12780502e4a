import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const fleet = readFileSync(join(root, "examples/fleet.jsonl"), "utf8");

test("examples/fleet.jsonl is what scripts/make-fleet.mjs prints", () => {
  const printed = execFileSync(process.execPath, [join(root, "scripts/make-fleet.mjs")], { encoding: "utf8" });
  expect(fleet).toBe(printed);
});

test("examples/fleet.jsonl is one rollout over 500 hosts, each with a closure of its own", () => {
  const dispatches = fleet
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(new Set(dispatches.map(({ hostname }) => hostname)).size).toBe(500);
  expect(new Set(dispatches.map(({ target_closure }) => target_closure)).size).toBe(500);
  expect(new Set(dispatches.map(({ rollout_id }) => rollout_id)).size).toBe(1);
});
