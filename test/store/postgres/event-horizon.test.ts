import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { guard } from "../../../src/store/postgres/event-horizon.js";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import { group, newDispatch } from "../../support/dispatches.js";
import { emptyDatabase } from "../../support/postgres/shared.js";
import { storeOptions } from "../../support/postgres/store.js";

let store: PostgresStore;
let writer: pg.Client;
beforeEach(async () => {
  const url = await emptyDatabase();
  store = await PostgresStore.open(storeOptions(url));
  writer = new pg.Client({ connectionString: url });
  await writer.connect();
});
afterEach(async () => {
  await writer.end();
  await store.close();
});

const hostsAfter = async (afterId: number) =>
  (await store.listEvents({}, afterId, 100)).map(({ id, hostname }) => `${id} ${hostname}`);

/** As every statement of the store does, in a transaction that is left open. */
async function beginToWrite(hostname: string): Promise<void> {
  await writer.query("BEGIN");
  await writer.query(
    `WITH ${guard} INSERT INTO events (at, hostname, rollout_id, kind, attempt, actor, address, wire, detail)
     SELECT clock_timestamp(), h, 's@1', 'enqueued', 0, 'other', '', '', '' FROM guard CROSS JOIN unnest($1::text[]) AS h`,
    [[hostname]],
  );
}

test("what is committed later than a larger id is not passed by: the reader waits before it", async () => {
  await store.enqueue([group(newDispatch("first"))]);
  await beginToWrite("slow");
  await store.enqueue([group(newDispatch("quick"))]);
  expect(await hostsAfter(0)).toEqual(["1 first"]);
  expect(await store.lastEventId()).toBe(1);
  await writer.query("COMMIT");
  expect(await hostsAfter(1)).toEqual(["2 slow", "3 quick"]);
});

test("what is never committed is not waited for longer than its transaction", async () => {
  await beginToWrite("undone");
  await store.enqueue([group(newDispatch("quick"))]);
  expect(await hostsAfter(0)).toEqual([]);
  await writer.query("ROLLBACK");
  expect(await hostsAfter(0)).toEqual(["2 quick"]);
});

test("writers do not wait for each other", async () => {
  await beginToWrite("slow");
  // It would run into the lock's timeout.
  await store.enqueue([group(newDispatch("quick"))]);
  await writer.query("ROLLBACK");
});
