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

/** Runs one test, with what every run of the tests here has around it. @returns the exit code of the run, and its errors */
function run(body: string, mostMs = 60_000) {
  const config = `
    import { Standstill } from ${JSON.stringify(resolve("test/support/standstill.ts"))};
    const globalSetup = [${JSON.stringify(resolve("test/support/postgres/global-setup.ts"))}];
    const reporters = ["default", new Standstill(${mostMs})];
    export default { test: { globals: true, include: ["*.test.mjs"], globalSetup, reporters } };`;
  writeFileSync(join(folder, "vitest.config.mjs"), config);
  writeFileSync(join(folder, "one.test.mjs"), `test("one", () => { ${body} });`);
  return spawnSync(process.execPath, [resolve("node_modules/vitest/vitest.mjs"), "run", "--root", folder], {
    env: { ...process.env, VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined },
    encoding: "utf8",
    timeout: 50_000,
  });
}

test("a run in which a test fails has failed", () => {
  expect(run("expect(1).toBe(2);").status).toBe(1);
});

test("a run in which none fails has succeeded", () => {
  expect(run("expect(1).toBe(1);").status).toBe(0);
});

test("a run in which a test never gives its thread back is ended, says which, and has failed", () => {
  const { status, stderr } = run("for (;;);", 500);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/one\.test\.mjs has not come to its end/)]);
});
