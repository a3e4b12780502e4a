import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { migrateDatabase } from "../../../src/store/sqlite/migrate.js";
import { openDatabase } from "../../../src/store/sqlite/open.js";
import { prepareStatements } from "../../../src/store/sqlite/statements.js";
import { SqliteStore } from "../../../src/store/sqlite/store.js";
import { host, newDispatch } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
  path = join(folder, "dispatch.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a take", () => {
  let client: Database.Database;
  beforeEach(() => {
    client = openDatabase(path, () => undefined);
    migrateDatabase(client);
  });
  afterEach(() => client.close());

  /** How SQLite goes about a statement, step by step. */
  function plan(name: "take"): string[] {
    const { sql } = prepareStatements(drizzle({ client }))[name].getQuery();
    const steps = client.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
    return steps.all(...Array.from(sql.matchAll(/\?/g), () => null)).map(({ detail }) => detail);
  }

  test("finds its rows by the index of the pending ones alone, in order, and scans nothing", () => {
    const steps = plan("take");
    expect(steps.filter((step) => step.includes("dispatches_pending (hostname=?)"))).toHaveLength(1);
    expect(steps.filter((step) => /^SCAN|TEMP B-TREE/.test(step))).toEqual([]);
  });

  test("leaves to the index nothing of what has been delivered", async () => {
    client.close();
    const store = SqliteStore.open(path, new FakeClock());
    await store.enqueue([[newDispatch("web-01"), newDispatch("web-02")]]);
    await store.take([{ hostname: host("web-01"), limit: 1 }]);
    await store.close();
    client = openDatabase(path, () => undefined);
    const inIndex = client.prepare(
      "SELECT hostname FROM dispatches INDEXED BY dispatches_pending WHERE state = 'pending'",
    );
    expect(inIndex.pluck().all()).toEqual(["web-02"]);
  });
});

describe("the sequence", () => {
  test("goes on where it was after a restart, so that rows of one instant keep their order", async () => {
    const clock = new FakeClock();
    const first = SqliteStore.open(path, clock);
    await first.enqueue([[newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb")]]);
    const [before] = await first.take([{ hostname: host("web-01"), limit: 1 }]);
    await first.close();
    const second = SqliteStore.open(path, clock);
    await second.enqueue([[newDispatch("web-01", "a@cc")]]);
    const [after] = await second.take([{ hostname: host("web-01"), limit: 10 }]);
    await second.close();
    expect(before?.map(({ take }) => take.sequence)).toEqual([1]);
    expect(after?.map(({ dispatch, take }) => [dispatch.rolloutId, take.sequence])).toEqual([
      ["stable@bb", 2],
      ["a@cc", 3],
    ]);
  });
});
