import { renameSync, writeFileSync } from "node:fs";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RevocationSource } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { connectHttp2, pollHttp2 } from "../support/http2.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { type Operator, operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
let operator: Operator;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

const revocationFile = () => pki.path("revocations.json");

function writeRevocations(text: string): void {
  writeFileSync(`${revocationFile()}.new`, text);
  renameSync(`${revocationFile()}.new`, revocationFile());
}

beforeEach(async () => {
  writeRevocations("{}");
  server = await TestServer.start(pki, { flags: ["--log-level", "debug", "--revocations", revocationFile()] });
  operator = operatorOf(server, pki);
});
afterEach(() => server.stop());

/** What a parked poll ends with: its status, or that its connection was cut. */
const ending = (poll: Promise<{ status: number }>) =>
  poll.then(
    ({ status }) => status,
    () => "cut",
  );

describe("a host that is revoked while it is parked", () => {
  test("by a call: its polls end on every connection, and nothing is handed to it any more", async () => {
    const identity = await pki.agent("web-01");
    const client = new HttpClient(server, pki, identity);
    const other = new HttpClient(server, pki, await pki.agent("web-02"));
    const overHttp1 = ending(client.poll("?wait=60"));
    const session = await connectHttp2(server, pki, identity);
    const closed = new Promise((resolve) => session.once("close", resolve));
    pollHttp2(session).catch(() => undefined);
    const bystander = other.poll("?wait=60");
    await untilParked(server, "web-01", 2);
    await untilParked(server, "web-02");

    const { revocation } = await operator.trust.revokeHost({ hostname: "web-01", reason: "stolen" });
    expect(revocation).toMatchObject({
      hostname: "web-01",
      reason: "stolen",
      revokedBy: "operator-test",
    });
    expect(["cut", 401]).toContain(await overHttp1);
    await closed;
    await operator.http.enqueue(wireDispatch("web-01"), wireDispatch("web-02"));
    expect((await client.poll("?wait=0")).status).toBe(401);
    // The control: the other host's poll, parked at the same time, goes on and gets its dispatch.
    expect((await bystander).status).toBe(200);
    const { dispatch, events } = await operator.queue.getDispatch({ hostname: "web-01", rolloutId: "stable@a1b2c3d4" });
    expect([dispatch?.attempt, events.length]).toEqual([0, 1]);
  });

  test("by the file: the same, without a call or a restart", async () => {
    const client = new HttpClient(server, pki, await pki.agent("web-01"));
    const poll = ending(client.poll("?wait=60"));
    await untilParked(server, "web-01");
    writeRevocations(JSON.stringify({ "web-01": new Date(Date.now() + 60_000).toISOString() }));
    expect(["cut", 401]).toContain(await poll);
    expect((await client.poll("?wait=0")).status).toBe(401);
    const { revocations } = await operator.trust.listRevocations({});
    expect(revocations.map(({ hostname, source }) => [hostname, source])).toEqual([["web-01", RevocationSource.FILE]]);
  });
});

test("a bad file leaves the old list in force and says so; SIGHUP reads the mended one at once", async () => {
  const client = new HttpClient(server, pki, await pki.agent("web-01"));
  writeRevocations(JSON.stringify({ "web-01": new Date(Date.now() + 60_000).toISOString() }));
  await server.logged(({ msg, revocations }) => msg === "revocations read" && revocations === 1);
  writeRevocations("{ not json");
  await server.logged(({ msg }) => msg === "the old revocations stay in force");
  expect((await client.poll("?wait=0")).status).toBe(401);
  writeRevocations("{}");
  server.kill("SIGHUP");
  await server.logged(({ msg, revocations }) => msg === "revocations read" && revocations === 0);
  expect((await client.poll("?wait=0")).status).toBe(204);
});

test("a certificate that was issued later is accepted, and a restore lets the old one in again", async () => {
  const old = new HttpClient(
    server,
    pki,
    await pki.client({ subject: [{ type: "CN", value: "web-01" }], notBefore: new Date(Date.now() - 60_000) }),
  );
  const instant = Date.now() - 120_000;
  await operator.trust.revokeHost({ hostname: "web-01", revokedBefore: timestampFromMs(instant) });
  expect((await old.poll("?wait=0")).status).toBe(204);
  await operator.trust.revokeHost({ hostname: "web-01", revokedBefore: timestampFromMs(Date.now() + 5_000) });
  expect((await old.poll("?wait=0")).status).toBe(401);
  // An earlier instant afterwards lets nobody in again.
  const { revocation } = await operator.trust.revokeHost({
    hostname: "web-01",
    revokedBefore: timestampFromMs(instant),
  });
  expect(Number(revocation?.revokedBefore?.seconds)).toBeGreaterThan(Date.now() / 1_000);
  expect((await old.poll("?wait=0")).status).toBe(401);
  await operator.trust.restoreHost({ hostname: "web-01" });
  expect((await old.poll("?wait=0")).status).toBe(204);
  await expect(operator.trust.restoreHost({ hostname: "web-01" })).rejects.toThrow(/no revocation of web-01/);
});

test("a call's revocation is there after kill -9, and two operators are told apart in the audit lines", async () => {
  const db = pki.path("kept/dispatch.db");
  const first = await TestServer.start(pki, { db });
  const replies = await operatorOf(first, pki).post("/v1/revocations", { hostname: "web-01", reason: "lost" });
  expect(replies.status).toBe(200);
  expect(await first.logged(({ audit }) => audit === "revoke")).toMatchObject({
    operator: "operator-test",
    subject: "web-01",
    reason: "lost",
    wire: "http",
  });
  first.kill("SIGKILL");
  await first.exited();
  const second = await TestServer.start(pki, { db });
  const client = new HttpClient(second, pki, await pki.agent("web-01"));
  expect((await client.poll("?wait=0")).status).toBe(401);
  await second.stop();
});

test.each([
  [{ hostname: "" }, /^hostname: is required/],
  [{ hostname: "Web_01" }, /^hostname: must be a machine id/],
  [{ hostname: "web-01", reason: "x".repeat(1_025) }, /^reason: must have at most 1024 bytes/],
  [{ hostname: "web-01", revoked_before: "2250-01-01T00:00:00Z" }, /^revoked_before: must be an instant/],
])("%j is refused, naming field and rule", async (body, message) => {
  const { status, body: answered } = await operator.post("/v1/revocations", body);
  expect([status, JSON.parse(answered)]).toEqual([
    400,
    { code: "invalid_argument", message: expect.stringMatching(message) },
  ]);
});

test("an agent may neither revoke, restore nor list", async () => {
  const agent = new HttpClient(server, pki, await pki.agent("web-01"));
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: '{"hostname":"web-02"}' };
  const replies = await Promise.all([
    agent.ask("/v1/revocations", post),
    agent.ask("/v1/revocations/restore", post),
    agent.ask("/v1/revocations"),
  ]);
  expect(replies.map(({ status }) => status)).toEqual([403, 403, 403]);
});
