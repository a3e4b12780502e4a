import { afterAll, beforeAll, expect, test } from "vitest";
import { enqueueCommand } from "../../src/cli/enqueue.js";
import { explainCommand } from "../../src/cli/explain.js";
import { showCommand } from "../../src/cli/show.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { closure, Served } from "./history/served.js";

let served: Served;
beforeAll(async () => {
  served = await Served.start();
  await served.enqueue("web-01", "stable@a1");
});
afterAll(() => served.close());

const what = ["--host", "web-01", "--rollout", "stable@a1", "--closure", closure, "--soak", "5m"];

test.each([
  ["enqueue", enqueueCommand, what],
  ["show", showCommand, ["web-01", "stable@a1"]],
  ["explain", explainCommand, ["web-01", "stable@a1"]],
] as const)("%s --json prints the fields of the documentation", async (name, command, args) => {
  const { stdout } = await served.run(command, [...args, "--json"]);
  expect(jsonLines(stdout).map(Object.keys)).toEqual([documentedFields(name)]);
});
