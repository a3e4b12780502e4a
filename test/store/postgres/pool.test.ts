import { afterEach, beforeEach, expect, test } from "vitest";
import { Database } from "../../../src/store/postgres/database.js";
import { sharedPostgres } from "../../support/postgres/shared.js";
import { storeOptions } from "../../support/postgres/store.js";

let database: Database;
beforeEach(async () => {
  const postgres = await sharedPostgres();
  database = new Database(storeOptions(postgres.url(await postgres.createDatabase()), { poolSize: 2 }));
});
afterEach(() => database.close());

test("how its connections are used, and how many calls wait for one, can be seen at any time", async () => {
  expect(database.poolUse).toEqual({ idle: 0, busy: 0, waiting: 0 });
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const calls = Array.from({ length: 5 }, () => database.use(() => held));
  expect(database.poolUse).toEqual({ idle: 0, busy: 2, waiting: 3 });
  letGo();
  await Promise.all(calls);
  expect(database.poolUse).toEqual({ idle: 2, busy: 0, waiting: 0 });
});
