import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-closed-"));
  mkdirSync(join(folder, "checkout"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** @returns what the tests say before they begin, in a checkout below a folder of this mode */
function warningBelow(mode: number): string {
  chmodSync(folder, mode);
  const cwd = join(folder, "checkout");
  const script = resolve("scripts/warn-of-closed-folder.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd, encoding: "utf8" });
  expect(status).toBe(0);
  return stderr;
}

test("root is told of a folder on the way that others may not enter; nobody else needs it to be open", () => {
  expect(warningBelow(0o700)).toMatch(process.getuid?.() === 0 ? `Type "chmod o+x ${folder}"` : /^$/);
});

test("nothing is said where everybody may enter", () => {
  expect(warningBelow(0o711)).toBe("");
});
