import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dispatchPath, HttpClient, wireDispatch } from "../support/client.js";
import { otherCa, TestPki } from "../support/pki.js";
import { type LogLine, TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let agent: HttpClient;
let stranger: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "trace"] });
  operator = new HttpClient(server, pki, pki.operator);
  agent = new HttpClient(server, pki, await pki.agent("web-01"));
  stranger = new HttpClient(server, pki, undefined);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

let asked = 0;
/** Asks under a request id of its own and gives the line that the log has of it. */
async function lineOf(
  client: HttpClient,
  path: string,
  options: Parameters<HttpClient["ask"]>[1] = {},
): Promise<LogLine> {
  asked += 1;
  const requestId = `test-${asked}`;
  const reply = await client.ask(path, { ...options, headers: { ...options.headers, "x-request-id": requestId } });
  expect(reply.headers["x-request-id"]).toBe(requestId);
  return server.logged((line) => line.msg === "request" && line.requestId === requestId);
}

describe("one line of JSON for each request", () => {
  test("an empty answer", async () => {
    const line = await lineOf(agent, `${dispatchPath}?wait=0`);
    expect(line).toEqual({
      level: 30,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: "request",
      requestId: expect.any(String),
      machineId: "web-01",
      wire: "http",
      method: "GET",
      path: dispatchPath,
      outcome: "empty",
      status: 204,
      answer: "flushed",
      durationMs: expect.any(Number),
    });
  });

  test("an enqueue, by its operator, with how many", async () => {
    const body = JSON.stringify({ dispatches: [wireDispatch("web-01"), wireDispatch("web-02")] });
    const headers = { "content-type": "application/json" };
    const line = await lineOf(operator, "/v1/dispatches", { method: "POST", headers, body });
    expect(line).toMatchObject({ operator: "operator-test", wire: "http", outcome: "ok", status: 200, dispatches: 2 });
    expect(line).not.toHaveProperty("machineId");
  });

  test("a dispatch handed out, with its rollout", async () => {
    const line = await lineOf(agent, dispatchPath);
    expect(line).toMatchObject({ machineId: "web-01", outcome: "ok", status: 200, rolloutId: "stable@a1b2c3d4" });
  });

  test.each([
    ["no certificate", () => lineOf(stranger, dispatchPath), "unauthenticated", 401],
    ["another host", () => lineOf(agent, `${dispatchPath}?hostname=web-02`), "permission_denied", 403],
    ["a bad query", () => lineOf(agent, `${dispatchPath}?wait=soon`), "invalid_argument", 400],
    ["an unknown path", () => lineOf(agent, "/v2/agent"), "no_such_path", 404],
    ["a wrong method", () => lineOf(agent, dispatchPath, { method: "PUT" }), "method_not_allowed", 405],
  ])("%s: the outcome is the reason", async (_, ask, outcome, status) => {
    expect(await ask()).toMatchObject({ outcome, status, wire: "http", level: 30 });
  });

  test("the query, which may name anything, is not in it", async () => {
    expect(JSON.stringify(await lineOf(agent, `${dispatchPath}?wait=0&token=hunter2`))).not.toContain("hunter2");
  });

  test("a probe is for the debug level", async () => {
    expect(await lineOf(stranger, "/readyz")).toMatchObject({ level: 20, outcome: "health", status: 200 });
  });

  test("the duration of a wait is the wait", async () => {
    const { durationMs } = await lineOf(agent, `${dispatchPath}?wait=1`);
    expect(Number(durationMs)).toBeGreaterThanOrEqual(900);
  });

  test("and not more than one", async () => {
    const requests = server.log.filter(({ msg }) => msg === "request");
    const ids = requests.map(({ requestId }) => requestId);
    expect(ids).toHaveLength(asked);
    expect(new Set(ids).size).toBe(asked);
  });
});

describe("X-Request-Id", () => {
  test.each(["", "a b", "x".repeat(65), "a{}", 'a"b'])("%j is replaced by one of ours", async (given) => {
    const { headers } = await agent.poll("?wait=0", { headers: { "x-request-id": given } });
    expect(headers["x-request-id"]).toMatch(/^[\w-]{12}-\d+$/);
  });

  test("an answer without a request id of the client's has one, on errors and probes too", async () => {
    const replies = [await agent.poll("?wait=0"), await stranger.poll(), await stranger.ask("/livez")];
    const ids = replies.map(({ headers }) => headers["x-request-id"]);
    expect(new Set(ids.map(String)).size).toBe(3);
    expect(ids).toEqual(ids.map(() => expect.stringMatching(/^[\w-]{12}-\d+$/)));
  });
});

describe("probes need no certificate", () => {
  test.each(["/livez", "/readyz"])("%s on the API's port and on the admin port", async (path) => {
    const reply = await stranger.ask(path);
    expect([reply.status, reply.body, reply.headers["content-type"]]).toEqual([200, "ok\n", "text/plain"]);
    const admin = await fetch(`${server.adminUrl}${path}`);
    expect([admin.status, await admin.text(), admin.headers.get("content-type")]).toEqual([200, "ok\n", "text/plain"]);
  });

  test("HEAD and OPTIONS", async () => {
    expect((await stranger.ask("/livez", { method: "HEAD" })).status).toBe(200);
    const refused = await stranger.ask("/livez", { method: "OPTIONS" });
    expect([refused.status, refused.headers.allow]).toEqual([405, "GET, HEAD"]);
    const admin = await fetch(`${server.adminUrl}/livez`, { method: "POST", body: "x" });
    expect([admin.status, admin.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("the admin port serves nothing else, the API least of all", async () => {
    const reply = await fetch(`${server.adminUrl}${dispatchPath}`);
    expect([reply.status, await reply.json()]).toEqual([404, { code: "not_found", message: expect.any(String) }]);
  });
});

test("nothing of a certificate or a key is in the log, whatever goes wrong", async () => {
  const foreign = await pki.client({}, await otherCa());
  expect((await new HttpClient(server, pki, foreign).poll()).status).toBe(401);
  const body = JSON.stringify({ dispatches: [{ hostname: pki.server.keyPem }] });
  await operator.ask("/v1/dispatches", { method: "POST", headers: { "content-type": "application/json" }, body });
  await lineOf(agent, `${dispatchPath}?wait=0`);
  const text = JSON.stringify(server.log);
  expect(text).not.toMatch(/BEGIN|PRIVATE|CERTIFICATE/);
  const secrets = [pki.server, pki.operator, foreign].flatMap(({ keyPem, certPem }) => [keyPem, certPem]);
  const lines = secrets.flatMap((pem) => pem.split("\n").filter((line) => line.length >= 20 && !line.startsWith("-")));
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.filter((line) => text.includes(line))).toEqual([]);
});
