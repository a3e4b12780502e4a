import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issue } from "../../../src/pki/issue.js";
import { authorityProfile, serverProfile } from "../../../src/pki/profile.js";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import { Cluster } from "../../support/postgres/cluster.js";
import { storeOptions } from "../../support/postgres/store.js";

const validity = { now: new Date(), days: 2 };
let folder: string;
let cluster: Cluster;
let database: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-tls-"));
  chmodSync(folder, 0o755);
  const ca = await issue(authorityProfile("database CA", validity));
  const other = await issue(authorityProfile("another CA", validity));
  const server = await issue(serverProfile(["127.0.0.1"], validity), ca);
  for (const [name, text] of [
    ["ca.crt", ca.certPem],
    ["other.crt", other.certPem],
  ] as const) {
    writeFileSync(join(folder, name), text);
  }
  cluster = await Cluster.start({ tls: { cert: server.certPem, key: server.keyPem } });
  database = await cluster.createDatabase();
});
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

async function encrypted(query: string): Promise<unknown> {
  const store = await PostgresStore.open(storeOptions(cluster.url(database) + query));
  const { rows } = await cluster.sql(
    database,
    "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'nixfleet%'",
  );
  await store.close();
  return rows;
}

test.each([
  ["require", ""],
  ["verify-ca", "ca.crt"],
  ["verify-full", "ca.crt"],
])("every connection is encrypted with sslmode=%s", async (mode, root) => {
  const rootQuery = root === "" ? "" : `&sslrootcert=${join(folder, root)}`;
  expect(await encrypted(`?sslmode=${mode}${rootQuery}`)).toEqual([{ ssl: true }]);
});

test("a database whose certificate another CA has issued is not talked to", async () => {
  const refused = encrypted(`?sslmode=verify-full&sslrootcert=${join(folder, "other.crt")}`);
  await expect(refused).rejects.toThrow(/certificate/);
});
