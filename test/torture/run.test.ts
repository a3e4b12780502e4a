import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestPki } from "../e2e/support/pki.js";
import { binary } from "../e2e/support/server.js";
import { type RunOptions, run } from "./run.js";
import type { Tally } from "./tally.js";

const sabotagePath = pathToFileURL("test/torture/sabotage.mjs").href;

let pki: TestPki;
let databases = 0;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** A short run. A machine that many tests share may be late; `npm run torture` is held to the second. */
function runShortly(changes: Partial<RunOptions>): Promise<Tally> {
  databases += 1;
  return run({
    ...{ binary, pki, db: pki.path(`${databases}.db`), servers: 1, hosts: 12, withinMs: 3_000 },
    ...{ seed: Date.now() % 2 ** 31, loadMs: 16_000, roundMs: 8_000, uptimeMs: 1_000, quietMs: 30_000 },
    onProgress: () => undefined,
    stop: new AbortController().signal,
    ...changes,
  });
}

function broken({ verdicts }: Tally): string[] {
  return [...verdicts.values()].filter(({ violations }) => violations.length > 0).map(({ rule }) => rule);
}

test("servers that are killed again and again lose nothing, and keep every other promise", async () => {
  const tally = await runShortly({});
  const found = [...tally.verdicts.values()].flatMap(({ violations }) => violations);
  expect(found).toEqual([]);
  expect(tally.ends.killed + tally.ends.failed).toBeGreaterThan(0);
  // A rule that was never put to the test would have proven nothing.
  for (const { rule, examined } of tally.verdicts.values()) expect([rule, examined > 0]).toEqual([rule, true]);
}, 180_000);

describe.concurrent("control: the checker finds out a server that", () => {
  test.each([
    ["forgets what it has acknowledged", "nothing lost"],
    ["gives to the host before", "right host"],
    ["gives twice", "one live attempt"],
    ["leases for two seconds more", "on time"],
    ["leases for an hour", "nothing left behind"],
    ["forgets that it was done", "final is final"],
    ["acknowledges before it writes", "in order"],
    ["takes every acknowledgement", "words count in time"],
    ["takes no acknowledgement back", "words count in time"],
    ["says cancelled whatever it is", "final is final"],
    ["leaves events out", "history is true"],
  ])("%s", async (sabotage, rule) => {
    const env = { SABOTAGE: sabotage };
    const left = { uptimeMs: undefined, loadMs: 3_000, quietMs: 3_000, withinMs: 1_000 };
    const tally = await runShortly({ ...left, env, nodeFlags: ["--import", sabotagePath] });
    expect(broken(tally)).toContain(rule);
  });

  test("acknowledges before it writes, and is killed", async () => {
    const env = { SABOTAGE: "acknowledges before it writes" };
    const tally = await runShortly({ loadMs: 8_000, quietMs: 10_000, env, nodeFlags: ["--import", sabotagePath] });
    expect(broken(tally)).toContain("nothing lost");
  });
});
