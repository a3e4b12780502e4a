import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-exit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs one test, with what every run of the tests here has around it. @returns the exit code of the run */
function run(expectation: string): number | null {
  const globalSetup = [resolve("test/support/postgres/global-setup.ts")];
  const config = { test: { globals: true, include: ["*.test.mjs"], globalSetup } };
  writeFileSync(join(folder, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  writeFileSync(join(folder, "one.test.mjs"), `test("one", () => { ${expectation} });`);
  const { status } = spawnSync(process.execPath, [resolve("node_modules/vitest/vitest.mjs"), "run", "--root", folder], {
    env: { ...process.env, VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined },
  });
  return status;
}

test("a run in which a test fails has failed", () => {
  expect(run("expect(1).toBe(2);")).toBe(1);
});

test("a run in which none fails has succeeded", () => {
  expect(run("expect(1).toBe(1);")).toBe(0);
});
