import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestPki } from "../e2e/support/pki.js";
import type { RunOptions } from "./run.js";
import { runShortly } from "./short-run.js";

const sabotagePath = pathToFileURL("test/torture/sabotage.mjs").href;

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** What a sabotage breaks. On a busy machine a short run may not get to where it shows: then another follows. */
async function brokenBySabotage(rule: string, changes: Partial<RunOptions>): Promise<string[]> {
  for (let tries = 1; ; tries += 1) {
    const { verdicts } = await runShortly(pki, { ...changes, nodeFlags: ["--import", sabotagePath] });
    const broken = [...verdicts.values()].filter(({ violations }) => violations.length > 0).map(({ rule }) => rule);
    if (broken.includes(rule) || tries === 8) return broken;
  }
}

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
  ])(
    "%s",
    async (sabotage, rule) => {
      const env = { SABOTAGE: sabotage };
      const left = { uptimeMs: undefined, loadMs: 3_000, quietMs: 3_000, withinMs: 1_000 };
      expect(await brokenBySabotage(rule, { ...left, env })).toContain(rule);
    },
    180_000,
  );

  test("acknowledges before it writes, and is killed", async () => {
    const env = { SABOTAGE: "acknowledges before it writes" };
    const killed = { loadMs: 10_000, quietMs: 10_000, env };
    expect(await brokenBySabotage("nothing lost", killed)).toContain("nothing lost");
  }, 180_000);
});
