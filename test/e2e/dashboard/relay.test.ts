import { readFileSync } from "node:fs";
import { request } from "node:http";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { TrustService } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { newDispatches, operatorOf } from "../operator/operator.js";
import { TestPki } from "../support/pki.js";
import { type LogLine, runProgram, TestServer } from "../support/server.js";
import { RunningDashboard } from "./running-dashboard.js";

let pki: TestPki;
let server: TestServer;
let dashboard: RunningDashboard;
let cookie: string;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  dashboard = await RunningDashboard.start(server, pki);
  cookie = await dashboard.letIn();
});
afterAll(async () => {
  await dashboard.stop();
  if (!server.hasExited) await server.stop();
  pki.remove();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Without the manners of `fetch`, which decides on Host and Origin by itself. */
function ask(path: string, method: string, headers: Record<string, string>, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port: dashboard.port, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const statsPath = "/nixfleet.dispatch.v1.QueueService/GetStats";
const asPage = () => ({ cookie, origin: dashboard.origin, host: `127.0.0.1:${dashboard.port}` });
const json = { "content-type": "application/json" };

/** What the page has: the session's cookie, and clients made from the schema. */
function clients() {
  const transport = createConnectTransport({
    baseUrl: dashboard.origin,
    httpVersion: "1.1",
    interceptors: [
      (next) => (call) => {
        for (const [name, value] of Object.entries({ cookie, origin: dashboard.origin })) call.header.set(name, value);
        return next(call);
      },
    ],
  });
  return { queue: createClient(QueueService, transport), trust: createClient(TrustService, transport) };
}

describe("who is let in", () => {
  test("a call with the session's cookie, from the page's own origin, is", async () => {
    const answer = await ask(statsPath, "POST", { ...asPage(), ...json }, "{}");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ version: expect.any(String) });
  });

  test.each<[string, Record<string, string>, number]>([
    ["without the cookie", { cookie: "" }, 401],
    ["with another cookie", { cookie: "nixfleet-dashboard=1" }, 401],
    ["from a foreign origin", { origin: "https://evil.example" }, 403],
    ["under another name", { host: "evil.example" }, 403],
    ["from another site, as the browser says", { "sec-fetch-site": "cross-site" }, 403],
  ])("a call %s is refused", async (_, wrong, status) => {
    const answer = await ask(statsPath, "POST", { ...asPage(), ...json, ...wrong }, "{}");
    expect(answer.status).toBe(status);
  });

  test("the token does not work a second time, and a wrong one not at all", async () => {
    const headers = { origin: dashboard.origin };
    expect((await ask("/session", "POST", headers, dashboard.token)).status).toBe(401);
    expect((await ask("/session", "POST", headers, "x".repeat(43))).status).toBe(401);
    expect((await ask("/session", "POST", headers, "x".repeat(5_000))).status).toBe(401);
    expect((await ask("/session", "POST", { origin: "https://evil.example" }, dashboard.token)).status).toBe(403);
  });

  test("without the session nothing of the page is served but its door", async () => {
    const host = { host: `127.0.0.1:${dashboard.port}` };
    for (const path of ["/", "/rollouts", "/theme.js", "/assets/x.js"]) {
      const answer = await ask(path, "GET", host);
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.body).toContain("/open.js");
    }
    expect((await ask("/open.js", "GET", host)).status).toBe(200);
  });

  test("GET and HEAD change nothing: no call is served by them, nor by any other method than POST", async () => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await ask(`${statsPath}?encoding=json&message=%7B%7D`, method, asPage());
      expect(String(answer.headers["content-type"])).toContain("text/html");
    }
    for (const method of ["PUT", "DELETE", "OPTIONS"]) {
      expect((await ask(statsPath, method, asPage())).status).toBe(405);
    }
  });

  test("every answer carries a policy that takes nothing from elsewhere and no inline script or style", async () => {
    for (const path of ["/", "/open", "/missing.js"]) {
      const { headers } = await ask(path, "GET", asPage());
      expect(headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      expect(headers["content-security-policy"]).not.toContain("unsafe");
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  test("it listens on loopback only", async () => {
    const port = dashboard.port.toString(16).toUpperCase().padStart(4, "0");
    const listening = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .filter((line) => line.includes(`:${port} `) && line.includes(" 0A "));
    expect(listening.map((line) => line.trim().split(/\s+/)[1])).toEqual([`0100007F:${port}`]);
  });
});

describe("what is relayed", () => {
  test("unary calls of both services, as the operator of the certificate", async () => {
    const { queue, trust } = clients();
    const { results } = await queue.enqueueDispatches({ dispatches: newDispatches(["web-01"], "stable@aa") });
    expect(results).toHaveLength(1);
    const { events } = await queue.getDispatch({ hostname: "web-01", rolloutId: "stable@aa" });
    expect(events.map(({ actor, wire }) => [actor, wire])).toEqual([["operator-test", "connect"]]);
    await trust.revokeHost({ hostname: "stolen-01" });
    expect((await trust.listRevocations({})).revocations.map(({ hostname }) => hostname)).toEqual(["stolen-01"]);
  });

  test("errors as the server worded them", async () => {
    const { queue } = clients();
    const missing = await queue.getDispatch({ hostname: "nobody", rolloutId: "stable@aa" }).catch(ConnectError.from);
    expect(missing).toMatchObject({ code: Code.NotFound, rawMessage: "no dispatch stable@aa is known for nobody" });
    const bad = await queue.enqueueDispatches({ dispatches: newDispatches(["BAD"], "x@1") }).catch(ConnectError.from);
    expect(bad).toMatchObject({ code: Code.InvalidArgument });
  });

  test("calls of agents are not, nor what is no call", async () => {
    for (const path of [
      "/nixfleet.dispatch.v1.AgentService/TakeDispatch",
      "/grpc.health.v1.Health/Check",
      "/v1/hosts",
    ]) {
      expect((await ask(path, "POST", { ...asPage(), ...json }, "{}")).status).toBe(404);
    }
  });

  test("deadlines: the page's own ends the call at the server too", async () => {
    const { queue } = clients();
    const answers = queue.watchEvents({}, { timeoutMs: 150 });
    const code = await (async () => {
      for await (const _ of answers);
    })().catch((thrown: unknown) => ConnectError.from(thrown).code);
    expect(code).toBe(Code.DeadlineExceeded);
  });

  test("a watch, event by event, and its cancellation all the way", async () => {
    const { queue } = clients();
    const ended = ({ path }: LogLine) => String(path).endsWith("/WatchEvents");
    const before = server.log.filter(ended).length;
    const abort = new AbortController();
    const answers = queue.watchEvents({}, { signal: abort.signal })[Symbol.asyncIterator]();
    await answers.next();
    await queue.enqueueDispatches({ dispatches: newDispatches(["web-02"], "stable@bb") });
    const { value } = await answers.next();
    expect(value.events.map(({ hostname }: { hostname: string }) => hostname)).toEqual(["web-02"]);
    abort.abort();
    await server.logged((line) => ended(line) && server.log.filter(ended).length > before);
  });

  test("a reader that stands still holds the server's stream back, and misses nothing when it goes on", async () => {
    const { queue } = clients();
    const { lastEventId } = await queue.getStats({});
    const answers = queue.watchEvents({ afterId: lastEventId })[Symbol.asyncIterator]();
    await answers.next();
    const hosts = Array.from({ length: 5_000 }, (_, i) => `slow-${i}`);
    const operator = operatorOf(server, pki);
    for (let i = 0; i < 4; i += 1) {
      await operator.queue.enqueueDispatches({ dispatches: newDispatches(hosts, `stable@${i}`) });
    }
    const ids: bigint[] = [];
    while (ids.length < 20_000) ids.push(...(await answers.next()).value.events.map(({ id }: { id: bigint }) => id));
    expect(ids).toEqual(Array.from({ length: 20_000 }, (_, i) => lastEventId + BigInt(i) + 1n));
    await answers.return?.();
  });

  test("that the server is away, in words, and that it is there again", async () => {
    const other = await TestServer.start(pki);
    const own = await RunningDashboard.start(other, pki);
    const ownCookie = await own.letIn();
    await other.stop();
    const call = async () => {
      const headers = { cookie: ownCookie, origin: own.origin, ...json };
      return fetch(`${own.origin}${statsPath}`, { method: "POST", headers, body: "{}" });
    };
    const away = await call();
    expect(away.status).toBe(503);
    expect(await away.json()).toMatchObject({ code: "unavailable", message: expect.stringContaining("ECONNREFUSED") });
    const back = await TestServer.start(pki, { port: other.port });
    expect((await call()).status).toBe(200);
    await back.stop();
    expect(await own.stop()).toBe(0);
  });
});

describe("the command", () => {
  test("names a port that is in use, and a wrong one", async () => {
    const flags = ["--server", server.url, "--ca", pki.path("ca.crt"), "--cert", pki.path("operator.crt")];
    const base = ["dashboard", ...flags, "--key", pki.path("operator.key"), "--port"];
    const taken = await runProgram([...base, String(dashboard.port)]);
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining(`127.0.0.1:${dashboard.port} is in use`)]);
    expect((await runProgram([...base, "70000"])).code).toBe(2);
  });
});
