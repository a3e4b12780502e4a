import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Sources } from "../../src/config/resolve.js";

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file, and the folders on the way to it, and tells its path. */
export function writeIn(folder: string, name: string, text = ""): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

export interface Given {
  readonly flags?: Readonly<Record<string, readonly string[]>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly configFile?: string;
}

/** Sources in `home`, where no file of settings is unless the test writes one. */
export function sourcesIn(home: string, { flags = {}, env = {}, configFile }: Given = {}): Sources {
  const variables = { HOME: home, XDG_CONFIG_HOME: join(home, ".config"), ...env };
  return { flags: new Map(Object.entries(flags)), env: variables, configFile, cwd: home };
}
