import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Databases } from "../../support/postgres/databases.js";
import { sharedPostgres } from "../../support/postgres/shared.js";
import { newDispatches, operatorOf } from "../operator/operator.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { TestPki } from "../support/pki.js";
import { runProgram, spawnProgram, TestServer } from "../support/server.js";
import { agentAt } from "./servers.js";

const rolloutId = "stable@a1b2c3d4";
let pki: TestPki;
let postgres: Databases;
let file: string;
let database: string;
let urlFile: string;
let lease: { readonly token: string };

/** A queue with a past: some fetched, one held under a lease, one host revoked. */
beforeAll(async () => {
  pki = await TestPki.create();
  postgres = await sharedPostgres();
  file = pki.path("dispatch.db");
  const server = await TestServer.start(pki, { db: file });
  const { queue, trust } = operatorOf(server, pki);
  const hosts = Array.from({ length: 9_000 }, (_, i) => `web-${i}`);
  await queue.enqueueDispatches({ dispatches: newDispatches(hosts, rolloutId) });
  mustBeTaken(await (await agentAt(server, pki, "web-1")).poll("?wait=0"));
  lease = leaseOf(mustBeTaken(await (await agentAt(server, pki, "web-2")).poll("?wait=0&lease_seconds=600")));
  await trust.revokeHost({ hostname: "web-3", reason: "stolen" });
  await server.stop();
});
afterAll(() => pki.remove());

beforeEach(async () => {
  database = await postgres.createDatabase();
  urlFile = pki.path(`${database}.url`);
  writeFileSync(urlFile, `${postgres.url(database)}\n`);
  chmodSync(urlFile, 0o600);
});

const copyArgs = () => ["db", "copy", "--from", file, "--to-url-file", urlFile, "--json"];

describe("db copy", () => {
  test("moves a queue with all that was and is in it, and the same words count there", async () => {
    const { code, stdout, stderr } = await runProgram(copyArgs());
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const tables = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(tables.map(({ table, rows }) => `${table} ${rows}`)).toEqual([
      "dispatches 9000",
      expect.stringMatching(/^events 900\d$/),
      "hosts 2",
      "revocations 1",
    ]);
    for (const { checksum } of tables) expect(checksum).toMatch(/^[0-9a-f]{64}$/);

    const server = await TestServer.start(pki, { postgres: postgres.url(database) });
    const holder = await agentAt(server, pki, "web-2");
    expect(
      (await holder.post("/v1/agent/dispatch/ack", { rollout_id: rolloutId, lease_token: lease.token })).status,
    ).toBe(200);
    expect((await (await agentAt(server, pki, "web-3")).poll("?wait=0")).status).toBe(401);
    expect(mustBeTaken(await (await agentAt(server, pki, "web-4")).poll("?wait=0")).rollout_id).toBe(rolloutId);
    const { queue } = operatorOf(server, pki);
    await queue.enqueueDispatches({ dispatches: newDispatches(["web-4"], "next@2") });
    const { events } = await queue.getDispatch({ hostname: "web-2", rolloutId });
    expect(events.map(({ id }) => id)).toEqual([...events.map(({ id }) => id)].sort((a, b) => (a < b ? -1 : 1)));
    expect(events).toHaveLength(4);
    await server.stop();
  });

  test("broken off, it lets no server start, and goes on where it stopped", async () => {
    const child = spawnProgram(copyArgs());
    const rows = async () =>
      (await postgres.sql(database, "SELECT count(*)::int AS n FROM dispatches").catch(() => ({ rows: [{ n: 0 }] })))
        .rows[0].n;
    while ((await rows()) === 0 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await once(child, "exit");
    const refused = await runProgram(["serve", "--json"], { env: { NIXFLEET_DISPATCH_DB: postgres.url(database) } });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("holds a copy that was broken off")]);
    const { code } = await runProgram(copyArgs());
    expect([code, await rows()]).toEqual([0, 9_000]);
  });

  test("does not add to what is there already, and finds out what has been changed meanwhile", async () => {
    expect((await runProgram(copyArgs())).code).toBe(0);
    const again = await runProgram(copyArgs());
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("is not empty")]);
    await postgres.sql(database, "CREATE TABLE nixfleet_dispatch_copy ()");
    await postgres.sql(database, "UPDATE dispatches SET reason = 'changed' WHERE hostname = 'web-7'");
    const differs = await runProgram(copyArgs());
    expect([differs.code, differs.stderr]).toEqual([1, expect.stringMatching(/dispatches: .* not the same/)]);
    expect((await runProgram([...copyArgs(), "--restart"])).code).toBe(0);
  });

  test("takes no password on the command line", async () => {
    const { code, stderr } = await runProgram([
      "db",
      "copy",
      "--from",
      file,
      "--to",
      "postgres://u:s3cret@127.0.0.1/d",
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--to-url-file")]);
    expect(stderr).not.toContain("s3cret");
  });
});
