import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestPki } from "../e2e/support/pki.js";
import { binary } from "../e2e/support/server.js";
import { sharedPostgres } from "../support/postgres/shared.js";
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
    ...{ seed: Date.now() % 2 ** 31, loadMs: 20_000, roundMs: 5_000, uptimeMs: 1_000, aloneEvery: 4, quietMs: 30_000 },
    onProgress: () => undefined,
    stop: new AbortController().signal,
    ...changes,
  });
}

/** The same with a sabotage that may not have shown yet. */
async function brokenBySabotage(rule: string, changes: Partial<RunOptions>): Promise<string[]> {
  for (let tries = 1; ; tries += 1) {
    const found = broken(await runShortly({ ...changes, nodeFlags: ["--import", sabotagePath] }));
    if (found.includes(rule) || tries === 4) return found;
  }
}

function broken({ verdicts }: Tally): string[] {
  return [...verdicts.values()].filter(({ violations }) => violations.length > 0).map(({ rule }) => rule);
}

/** On a machine that has much else to do, a short run may not get to where a promise is put to the test: then another follows. */
async function runLongEnough(changes: Partial<RunOptions>): Promise<Tally> {
  for (let tries = 1; ; tries += 1) {
    const tally = await runShortly(changes);
    const isComplete = [...tally.verdicts.values()].every(({ examined }) => examined > 0);
    if (isComplete || !tally.isGood || tries === 3) return tally;
  }
}

/** Every promise held, and each was put to the test: one that never was would have proven nothing. */
function expectHeld({ verdicts, ends }: Tally): void {
  expect([...verdicts.values()].flatMap(({ violations }) => violations)).toEqual([]);
  expect(ends.crashed).toBe(0);
  expect(ends.killed + ends.failed).toBeGreaterThan(0);
  for (const { rule, examined } of verdicts.values()) expect([rule, examined > 0]).toEqual([rule, true]);
}

test("a server that is killed again and again loses nothing, and keeps every other promise", async () => {
  expectHeld(await runLongEnough({}));
}, 180_000);

test("two servers on one PostgreSQL, each killed again and again, keep them together", async () => {
  const databases = await sharedPostgres();
  const db = databases.url(await databases.createDatabase());
  expectHeld(await runLongEnough({ db, servers: 2, loadMs: 10_000, roundMs: 5_000, uptimeMs: 2_000, aloneEvery: 3 }));
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
