import { afterAll, beforeAll, expect, test } from "vitest";
import { TestPki } from "../e2e/support/pki.js";
import { sharedPostgres } from "../support/postgres/shared.js";
import type { RunOptions } from "./run.js";
import { runShortly } from "./short-run.js";
import type { Tally } from "./tally.js";

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** On a machine that has much else to do, a short run may not get to where a promise is put to the test: then another follows. */
async function runLongEnough(changes: Partial<RunOptions>): Promise<Tally> {
  for (let tries = 1; ; tries += 1) {
    const tally = await runShortly(pki, changes);
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
