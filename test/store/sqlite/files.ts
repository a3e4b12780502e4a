import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { SqliteStore } from "../../../src/store/sqlite/store.js";
import { tokens } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";

/** A path for a database in a folder of its own, another one in each test of the file. */
export function databasePath(): () => string {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  return () => join(folder, "dispatch.db");
}

export function openStore(path: string, clock = new FakeClock(), newToken = tokens()): SqliteStore {
  return SqliteStore.open(path, { clock, newToken });
}
