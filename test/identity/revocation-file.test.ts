import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RevocationFile } from "../../src/identity/revocation-file.js";

const instantMs = Date.UTC(2026, 4, 16, 1, 30);
const oneRevoked = '{"web-01": "2026-05-16T01:30:00Z"}';

let folder: string;
let path: string;
let file: RevocationFile | undefined;
let logged: string[];
const log = {
  error: (_: object, message: string) => void logged.push(message),
  warn: () => undefined,
  info: (_: object, message: string) => void logged.push(message),
  debug: () => undefined,
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  path = join(folder, "revocations.json");
  file = undefined;
  logged = [];
});
afterEach(() => {
  file?.close();
  rmSync(folder, { recursive: true });
});

function follow(text: string): RevocationFile {
  writeFileSync(path, text);
  file = new RevocationFile(path, log);
  return file;
}

/** Resolves with the next change that was taken over. */
function nextChange(followed: RevocationFile): Promise<void> {
  return new Promise((resolve) => followed.onChange(resolve));
}

describe("the file of revocations", () => {
  test("is read at once", () => {
    const followed = follow(oneRevoked);
    expect(followed.revokedBeforeMs("web-01")).toBe(instantMs);
    expect(followed.revokedBeforeMs("web-02")).toBeUndefined();
    expect(followed.revokedBeforeMs("constructor")).toBeUndefined();
  });

  test("that is missing or bad lets nothing start, and is named", () => {
    expect(() => new RevocationFile(path, log)).toThrow(path);
    expect(() => follow("{")).toThrow(path);
  });

  test("is followed as it is written", async () => {
    const followed = follow("{}");
    const changed = nextChange(followed);
    writeFileSync(path, oneRevoked);
    await changed;
    expect(followed.revokedBeforeMs("web-01")).toBe(instantMs);
  });

  test("is followed through a symbolic link that is moved, as NixOS moves it", async () => {
    writeFileSync(join(folder, "1.json"), "{}");
    writeFileSync(join(folder, "2.json"), oneRevoked);
    symlinkSync("1.json", path);
    file = new RevocationFile(path, log);
    const changed = nextChange(file);
    symlinkSync("2.json", join(folder, "next"));
    renameSync(join(folder, "next"), path);
    await changed;
    expect(file.revokedBeforeMs("web-01")).toBe(instantMs);
  });

  test.each([
    ["turns bad", () => writeFileSync(path, '{"web-01": "yesterday"}')],
    ["is taken away", () => rmSync(path)],
  ])("that %s leaves the old list in force, says so, and tells nobody", (_, damage) => {
    const followed = follow(oneRevoked);
    let changes = 0;
    followed.onChange(() => {
      changes += 1;
    });
    damage();
    followed.reload();
    expect(followed.revokedBeforeMs("web-01")).toBe(instantMs);
    expect(logged).toEqual(["the old revocations stay in force"]);
    expect(changes).toBe(0);
  });

  test("gives a revocation up that is taken out of it", () => {
    const followed = follow(oneRevoked);
    writeFileSync(path, "{}");
    followed.reload();
    expect(followed.revokedBeforeMs("web-01")).toBeUndefined();
  });
});
