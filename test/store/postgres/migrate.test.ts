import { beforeEach, expect, test } from "vitest";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import type { Databases } from "../../support/postgres/databases.js";
import { sharedPostgres } from "../../support/postgres/shared.js";
import { storeOptions } from "../../support/postgres/store.js";

let postgres: Databases;
let database: string;
beforeEach(async () => {
  postgres = await sharedPostgres();
  database = await postgres.createDatabase();
});

const open = () => PostgresStore.open(storeOptions(postgres.url(database)));

test("servers that start together on an empty database migrate it once", async () => {
  const stores = await Promise.all(Array.from({ length: 5 }, open));
  await Promise.all(stores.map((store) => store.check()));
  const { rows } = await postgres.sql(database, "SELECT id FROM nixfleet_dispatch_migrations ORDER BY id");
  expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
  await Promise.all(stores.map((store) => store.close()));
});

test("a database of a newer version is refused, and left as it is", async () => {
  await (await open()).close();
  await postgres.sql(database, "INSERT INTO nixfleet_dispatch_migrations (hash) VALUES ('of the future')");
  await expect(open()).rejects.toMatchObject({ name: "DatabaseOpenError", trouble: "newer" });
});

test("a database with other migrations than ours is refused", async () => {
  await (await open()).close();
  await postgres.sql(database, "UPDATE nixfleet_dispatch_migrations SET hash = 'of somebody else' WHERE id = 1");
  await expect(open()).rejects.toMatchObject({ trouble: "foreign" });
});

test("another program's database is refused, and gets no table of ours", async () => {
  await postgres.sql(database, "CREATE TABLE theirs (id int)");
  await expect(open()).rejects.toMatchObject({ trouble: "foreign" });
  const { rows } = await postgres.sql(database, "SELECT relname FROM pg_stat_user_tables");
  expect(rows).toEqual([{ relname: "theirs" }]);
});

test.each([
  ["a database that is not there", (url: string) => url.replace(/\/[^/]*$/, "/nowhere"), /there is no such database/],
  ["a wrong password", (url: string) => url.replace(/:[^:@]*@/, ":wrong@"), /it refuses the credentials/],
  ["a port that nobody listens on", (url: string) => url.replace(/:\d+\//, ":1/"), /the connection was refused/],
])("%s is told as it is, without the password", async (_, spoil, message) => {
  const refused = await PostgresStore.open(storeOptions(spoil(postgres.url(database)))).catch(
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({ reason: "store_unavailable", message: expect.stringMatching(message) });
  expect(String(refused)).not.toContain("pässword");
});
