import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dispatchPath, HttpClient, wireDispatch } from "../support/client.js";
import { hasCurl, runCommand } from "../support/command.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  if (!hasCurl) console.warn("curl is not installed: nothing of test/e2e/wires/curl.test.ts was run");
  pki = await TestPki.create();
  for (const id of ["web-01", "web-02"]) pki.write(id, await pki.agent(id));
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

interface CurlReply {
  readonly status: number;
  readonly httpVersion: string;
  readonly headers: string;
  readonly body: string;
}

/** @param who name of the certificate's files, or "nobody" */
async function curl(who: string, path: string, ...more: readonly string[]): Promise<CurlReply> {
  const identity = who === "nobody" ? [] : ["--cert", pki.path(`${who}.crt`), "--key", pki.path(`${who}.key`)];
  const report = "\n%{http_code} %{http_version}";
  const flags = ["--silent", "--show-error", "--include", "--cacert", pki.path("ca.crt"), "--write-out", report];
  const { code, stdout, stderr } = await runCommand("curl", [...flags, ...identity, ...more, `${server.url}${path}`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, headers = "", body = "", status, httpVersion = ""] =
    /^(.*?\r\n)\r\n(.*)\n(\d+) ([\d.]+)$/s.exec(stdout) ?? [];
  return { status: Number(status), httpVersion, headers, body };
}

const json = (body: unknown): string[] => [
  ...["--request", "POST", "--header", "Content-Type: application/json"],
  ...["--data", JSON.stringify(body)],
];
const batch = (...hosts: readonly string[]) => ({ dispatches: hosts.map((host) => wireDispatch(host)) });
const codeIn = ({ body }: CurlReply): unknown => JSON.parse(body).code;

describe.runIf(hasCurl)("curl, JSON over plain HTTP", () => {
  describe.each([
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ])("%s", (version, spoken) => {
    test("GET: 204 without a dispatch, with no body and no Content-Type", async () => {
      const reply = await curl("web-01", `${dispatchPath}?wait=0`, version);
      expect(reply).toMatchObject({ status: 204, httpVersion: spoken, body: "" });
      expect(reply.headers).toMatch(/^cache-control: no-store\r$/im);
      expect(reply.headers).not.toMatch(/^content-(type|length):/im);
    });

    test("POST enqueues, GET takes", async () => {
      const enqueued = await curl("operator", "/v1/dispatches", version, ...json(batch("web-01")));
      expect(enqueued).toMatchObject({ status: 200, httpVersion: spoken });
      expect(JSON.parse(enqueued.body).results).toEqual([
        { hostname: "web-01", rollout_id: "stable@a1b2c3d4", outcome: "ENQUEUE_OUTCOME_CREATED", superseded: 0 },
      ]);
      const taken = await curl("web-01", dispatchPath, version);
      expect(taken).toMatchObject({ status: 200, httpVersion: spoken });
      expect(taken.headers).toMatch(/^content-type: application\/json\r$/im);
      expect(JSON.parse(taken.body)).toMatchObject(wireDispatch("web-01"));
    });

    test("GET while parked", async () => {
      const before = parkedSoFar(server, "web-01");
      const poll = curl("web-01", dispatchPath, version);
      await untilParked(server, "web-01", before + 1);
      await operator.enqueue(wireDispatch("web-01"));
      expect((await poll).status).toBe(200);
    });

    test("GET: 400, 401, 403, 404, 405 with an error object", async () => {
      const replies = await Promise.all([
        curl("web-01", `${dispatchPath}?wait=soon`, version),
        curl("nobody", dispatchPath, version),
        curl("web-01", `${dispatchPath}?hostname=web-02`, version),
        curl("web-01", "/v1/agents", version),
        curl("web-01", dispatchPath, version, "--request", "DELETE"),
      ]);
      expect(replies.map((reply) => [reply.status, codeIn(reply)])).toEqual([
        [400, "invalid_argument"],
        [401, "unauthenticated"],
        [403, "permission_denied"],
        [404, "not_found"],
        [405, "unimplemented"],
      ]);
      expect(replies[4]?.headers).toMatch(/^allow: GET\r$/im);
      expect(new Set(replies.map(({ httpVersion }) => httpVersion))).toEqual(new Set([spoken]));
    });

    test("POST: 400, 401, 403, 415 with an error object", async () => {
      const bad = { dispatches: [{ ...wireDispatch("web-01"), hostname: "Web_01" }] };
      const replies = await Promise.all([
        curl("operator", "/v1/dispatches", version, ...json(bad)),
        curl("nobody", "/v1/dispatches", version, ...json(batch("web-01"))),
        curl("web-01", "/v1/dispatches", version, ...json(batch("web-01"))),
        curl("operator", "/v1/dispatches", version, "--data", "hostname=web-01"),
      ]);
      expect(replies.map((reply) => [reply.status, codeIn(reply)])).toEqual([
        [400, "invalid_argument"],
        [401, "unauthenticated"],
        [403, "permission_denied"],
        [415, "invalid_argument"],
      ]);
      expect(JSON.parse(replies[0]?.body ?? "").message).toMatch(/^dispatches\[0\]\.hostname: /);
    });

    test("HEAD consumes nothing", async () => {
      await operator.enqueue(wireDispatch("web-02"));
      expect((await curl("web-02", dispatchPath, version, "--head")).status).toBe(405);
      expect((await curl("web-02", `${dispatchPath}?wait=0`, version)).status).toBe(200);
    });
  });
});

const takePath = "/nixfleet.dispatch.v1.AgentService/TakeDispatch";
const enqueuePath = "/nixfleet.dispatch.v1.QueueService/EnqueueDispatches";

describe.runIf(hasCurl)("curl, Connect's JSON", () => {
  describe.each([
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ])("%s", (version, spoken) => {
    test("an empty take, an enqueue, a take", async () => {
      const empty = await curl("web-01", takePath, version, ...json({ wait: 0 }));
      expect(empty).toMatchObject({ status: 200, httpVersion: spoken, body: "{}" });
      const enqueued = await curl("operator", enqueuePath, version, ...json(batch("web-01")));
      expect([enqueued.status, JSON.parse(enqueued.body).results[0].rolloutId]).toEqual([200, "stable@a1b2c3d4"]);
      const { hostname, target_closure: targetClosure } = wireDispatch("web-01");
      const taken = await curl("web-01", takePath, version, ...json({ wait: "60" }));
      expect(JSON.parse(taken.body).dispatch).toMatchObject({ hostname, targetClosure });
    });

    test("refusals are Connect's: status and error object", async () => {
      const replies = await Promise.all([
        curl("nobody", takePath, version, ...json({})),
        curl("operator", takePath, version, ...json({})),
        curl("web-01", takePath, version, ...json({ hostname: "web-02" })),
        curl("web-01", takePath, version, ...json({ wait: -1 })),
        curl("operator", enqueuePath, version, ...json({ dispatches: [] })),
      ]);
      expect(replies.map((reply) => [reply.status, codeIn(reply)])).toEqual([
        [401, "unauthenticated"],
        [403, "permission_denied"],
        [403, "permission_denied"],
        [400, "invalid_argument"],
        [400, "invalid_argument"],
      ]);
    });

    test("a GET on TakeDispatch is refused, since a take has a side effect, and consumes nothing", async () => {
      await operator.enqueue(wireDispatch("web-02"));
      const query = "?encoding=json&message=%7B%7D&connect=v1";
      const reply = await curl("web-02", `${takePath}${query}`, version);
      expect([reply.status, codeIn(reply)]).toEqual([405, "unimplemented"]);
      expect(reply.headers).toMatch(/^allow: POST\r$/im);
      expect((await curl("web-02", `${dispatchPath}?wait=0`, version)).status).toBe(200);
    });

    test("Connect-Timeout-Ms that runs out before the wait: deadline_exceeded, and nothing is consumed", async () => {
      const timeout = ["--header", "Connect-Timeout-Ms: 300", "--header", "Connect-Protocol-Version: 1"];
      const reply = await curl("web-02", takePath, version, ...timeout, ...json({ wait: 60 }));
      expect([reply.status, codeIn(reply)]).toEqual([504, "deadline_exceeded"]);
      await operator.enqueue(wireDispatch("web-02"));
      expect((await curl("web-02", `${dispatchPath}?wait=0`, version)).status).toBe(200);
    });

    test("Connect-Timeout-Ms that is longer than the wait changes nothing", async () => {
      const reply = await curl(
        "web-02",
        takePath,
        version,
        "--header",
        "Connect-Timeout-Ms: 30000",
        ...json({ wait: 0 }),
      );
      expect([reply.status, reply.body]).toEqual([200, "{}"]);
    });
  });

  test("whoever has no certificate is told so before a word of the body is read", async () => {
    const replies = await Promise.all([
      curl("nobody", takePath, "--header", "Content-Type: application/json", "--data", "{garbage"),
      curl("nobody", takePath, "--header", "Content-Type: application/proto", "--data", "garbage"),
      curl("nobody", takePath, "--header", "Content-Type: text/plain", "--data", "garbage"),
      curl("nobody", takePath),
    ]);
    expect(replies.map((reply) => [reply.status, codeIn(reply)])).toEqual(Array(4).fill([401, "unauthenticated"]));
  });

  test("a body that cannot be read is the caller's mistake, in the log too", async () => {
    const headers = ["--header", "Content-Type: application/json", "--header", "X-Request-Id: garbage"];
    const reply = await curl("web-01", takePath, ...headers, "--data", "{garbage");
    expect([reply.status, codeIn(reply)]).toEqual([400, "invalid_argument"]);
    const line = await server.logged((each) => each.msg === "request" && each.requestId === "garbage");
    expect(line).toMatchObject({ wire: "connect", machineId: "web-01", outcome: "invalid_argument", status: 400 });
  });

  test("a body of another kind is refused with 415", async () => {
    const reply = await curl(
      "web-01",
      takePath,
      "--request",
      "POST",
      "--header",
      "Content-Type: text/plain",
      "--data",
      "x",
    );
    expect([reply.status, codeIn(reply)]).toEqual([415, "invalid_argument"]);
  });
});

test.runIf(hasCurl)("each wire has its word in the log", async () => {
  const named = (requestId: string) => ["--header", `X-Request-Id: ${requestId}`];
  await curl("web-01", `${dispatchPath}?wait=0`, ...named("as-http"));
  await curl("web-01", takePath, ...named("as-connect"), ...json({ wait: 0 }));
  for (const wire of ["http", "connect"]) {
    const line = await server.logged((each) => each.msg === "request" && each.requestId === `as-${wire}`);
    expect(line).toMatchObject({ wire, machineId: "web-01" });
  }
});
