import type Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import { migrateDatabase } from "../../../src/store/sqlite/migrate.js";
import { openDatabase } from "../../../src/store/sqlite/open.js";
import { compileStatements } from "../../../src/store/sqlite/ready-statements.js";
import { prepareStatements, type Statements } from "../../../src/store/sqlite/statements.js";
import { group, newDispatch, taker, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();

describe("a statement of the hot path", () => {
  let client: Database.Database;
  beforeEach(() => {
    client = openDatabase(path(), () => undefined);
    migrateDatabase(client);
  });
  afterEach(() => client.close());

  /** How SQLite goes about a statement, step by step. */
  function plan(sql: string): string[] {
    const steps = client.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
    return steps.all(...Array.from(sql.matchAll(/\?/g), () => null)).map(({ detail }) => detail);
  }

  const planOf = (name: keyof Statements) => plan(prepareStatements(drizzle({ client }))[name].getQuery().sql);

  test("that writes several refuses fewer, instead of writing the last of before once more", () => {
    const { insertFresh } = compileStatements(client, drizzle({ client }));
    expect(() => insertFresh.run([])).toThrow(`0 items instead of ${insertFresh.count}`);
  });

  test.each<[keyof Statements, string]>([
    ["takeable", "dispatches_pending (hostname=?)"],
    ["pendingOfChannel", "dispatches_pending (hostname=?)"],
    ["leasesOver", "dispatches_leased (lease_ends_at<?)"],
    ["expired", "dispatches_not_after (not_after>? AND not_after<?)"],
    ["nextLeaseEnd", "dispatches_leased"],
    ["nextBegin", "dispatches_not_before (not_before>?)"],
    ["nextEnd", "dispatches_not_after (not_after>?)"],
  ])("%s finds its rows by the index of those alone, in order, and scans nothing", (name, index) => {
    const steps = planOf(name).map((step) => step.replace("COVERING ", ""));
    expect(steps).toEqual([`SEARCH dispatches USING INDEX ${index}`]);
  });

  test.each<[keyof Statements, string]>([
    ["find", "SEARCH dispatches USING INDEX sqlite_autoindex_dispatches_1 (hostname=? AND rollout_id=?)"],
    ["update", "SEARCH dispatches USING INTEGER PRIMARY KEY (rowid=?)"],
    ["updateTaken", "SEARCH dispatches USING INTEGER PRIMARY KEY (rowid=?)"],
    ["upsert", ""],
    ["addEvent", ""],
    ["putHost", ""],
  ])("%s goes by the key", (name, step) => {
    expect(planOf(name).join("")).toBe(step);
  });

  test("begunSince looks at what has begun only, and sorts nothing but its hosts", () => {
    expect(planOf("begunSince")).toEqual([
      "SEARCH dispatches USING INDEX dispatches_not_before (not_before>? AND not_before<?)",
      "USE TEMP B-TREE FOR DISTINCT",
    ]);
  });

  test("control: without its index a take scans or sorts", () => {
    client.exec("DROP INDEX dispatches_pending");
    expect(planOf("takeable").join()).toMatch(/SCAN|TEMP B-TREE/);
  });

  test("leaves nothing of what is done in the indexes of what is live", async () => {
    client.close();
    const clock = new FakeClock();
    const store = openStore(path(), clock);
    const window = { notAfter: instantFromMs(clock.nowMs() + 10_000) };
    await store.enqueue([group(newDispatch("web-01", undefined, undefined, window), newDispatch("web-02"))]);
    await store.enqueue([group(newDispatch("web-03"), newDispatch("web-04"))]);
    await store.take([want("web-01"), want("web-03", taker({ kind: "lease", leaseMs: 1_000 }))]);
    clock.advance(1_000);
    await store.settleDue(10);
    await store.take([want("web-03"), want("web-04", taker({ kind: "lease", leaseMs: 1_000 }))]);
    await store.close();
    client = openDatabase(path(), () => undefined);
    const inIndex = (index: string, condition: string) =>
      client.prepare(`SELECT hostname FROM dispatches INDEXED BY ${index} WHERE ${condition}`).pluck().all();
    expect(inIndex("dispatches_pending", "state = 'pending'")).toEqual(["web-02"]);
    expect(inIndex("dispatches_leased", "state = 'leased'")).toEqual(["web-04"]);
    expect(inIndex("dispatches_not_after", "state = 'pending' AND not_after IS NOT NULL")).toEqual([]);
  });
});

describe("the sequence", () => {
  test("goes on where it was after a restart, so that rows of one instant keep their order", async () => {
    const clock = new FakeClock();
    const first = openStore(path(), clock);
    await first.enqueue([group(newDispatch("web-01", "stable@aa"), newDispatch("web-01", "stable@bb"))]);
    const before = await first.take([want("web-01")]);
    await first.close();
    const second = openStore(path(), clock);
    await second.enqueue([group(newDispatch("web-01", "a@cc"))]);
    const after = await second.take([want("web-01", taker(), taker())]);
    await second.close();
    expect(before.taken[0]?.map(({ take }) => take.sequence)).toEqual([1]);
    expect(after.taken[0]?.map(({ dispatch, take }) => [dispatch.rolloutId, take.sequence])).toEqual([
      ["stable@bb", 2],
      ["a@cc", 3],
    ]);
  });
});
