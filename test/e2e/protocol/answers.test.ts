import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dispatchPath, HttpClient, wireDispatch } from "../support/client.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let agent: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
  agent = new HttpClient(server, pki, await pki.agent("web-01"));
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

describe("protocol.md, Answers: 200", () => {
  test("a dispatch that was waiting: exactly the five fields, application/json, never cached", async () => {
    await operator.enqueue(wireDispatch("web-01"));
    const reply = await agent.poll();
    expect(reply.status).toBe(200);
    expect(reply.headers["content-type"]).toBe("application/json");
    expect(reply.headers["cache-control"]).toBe("no-store");
    expect(Number(reply.headers["content-length"])).toBe(Buffer.byteLength(reply.body));
    const { enqueued_at, ...rest } = JSON.parse(reply.body);
    expect(rest).toEqual(wireDispatch("web-01"));
    expect(enqueued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/);
    expect(Object.keys(JSON.parse(reply.body))).toEqual([
      "hostname",
      "rollout_id",
      "target_closure",
      "soak_due_at",
      "enqueued_at",
    ]);
  });

  test("a dispatch that came while parked", async () => {
    const parked = parkedSoFar(server, "web-01");
    const poll = agent.poll();
    await untilParked(server, "web-01", parked + 1);
    await operator.enqueue(wireDispatch("web-01"));
    const reply = await poll;
    expect([reply.status, JSON.parse(reply.body).rollout_id]).toEqual([200, "stable@a1b2c3d4"]);
  });

  test.each([
    ["2026-05-16T01:30:00Z", "2026-05-16T01:30:00Z"],
    ["2026-05-16T01:30:00.5Z", "2026-05-16T01:30:00.500Z"],
    ["2026-05-16T01:30:00.123456Z", "2026-05-16T01:30:00.123456Z"],
    ["2026-05-16T01:30:00.123456789Z", "2026-05-16T01:30:00.123456Z"],
    ["2026-05-16T03:30:00+02:00", "2026-05-16T01:30:00Z"],
    ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
    ["2199-12-31T23:59:59.999999Z", "2199-12-31T23:59:59.999999Z"],
  ])("soak_due_at %s comes back as %s: RFC 3339, UTC, Z, 0, 3 or 6 digits", async (sent, received) => {
    expect((await operator.enqueue(wireDispatch("web-01", { soak_due_at: sent }))).status).toBe(200);
    expect(JSON.parse((await agent.poll("?wait=0")).body).soak_due_at).toBe(received);
  });
});

describe("protocol.md, Answers: 204", () => {
  test("none came within the wait: no body, no Content-Length, no Content-Type", async () => {
    const reply = await agent.poll("?wait=0");
    expect([reply.status, reply.body]).toEqual([204, ""]);
    expect(reply.headers).not.toHaveProperty("content-length");
    expect(reply.headers).not.toHaveProperty("content-type");
    expect(reply.headers).not.toHaveProperty("transfer-encoding");
  });

  test("the server runs without a queue: at once, logged as a warning; operators get failed_precondition", async () => {
    const bare = await TestServer.start(pki, { db: "none" });
    const identity = await pki.agent("web-01");
    expect((await new HttpClient(bare, pki, identity).poll("?wait=60")).status).toBe(204);
    const line = await bare.logged((each) => String(each.msg).startsWith("no queue"));
    expect([line.level, line.machineId]).toEqual([40, "web-01"]);
    const reply = await new HttpClient(bare, pki, pki.operator).enqueue(wireDispatch("web-01"));
    expect([reply.status, JSON.parse(reply.body).code]).toEqual([400, "failed_precondition"]);
    await bare.stop();
  });
});

describe("protocol.md, Answers: 400 and 426 for X-Nixfleet-Protocol", () => {
  test.each(["1", "1.0", "1.7.3", "01"])("version %s is served", async (version) => {
    expect((await agent.poll("?wait=0", { headers: { "x-nixfleet-protocol": version } })).status).toBe(204);
  });

  test.each(["2", "0", "10", "2.1"])("another major version (%s) is 426", async (version) => {
    const reply = await agent.poll("?wait=0", { headers: { "x-nixfleet-protocol": version } });
    expect([reply.status, JSON.parse(reply.body).code]).toEqual([426, "failed_precondition"]);
  });

  test.each(["", "one", "v1", "1.", "-1", "1 2", "1,1", "1.2.3.4"])("malformed (%j) is 400", async (version) => {
    const reply = await agent.poll("?wait=0", { headers: { "x-nixfleet-protocol": version } });
    expect([reply.status, JSON.parse(reply.body).code]).toEqual([400, "invalid_argument"]);
    expect(JSON.parse(reply.body).message).toMatch(/^X-Nixfleet-Protocol: /);
  });
});

describe("protocol.md, Answers: 405", () => {
  test.each(["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "%s, with Allow, and consumes nothing",
    async (method) => {
      await operator.enqueue(wireDispatch("web-01"));
      const reply = await agent.ask(`${dispatchPath}?wait=0`, { method });
      expect([reply.status, reply.headers.allow]).toEqual([405, "GET"]);
      expect(reply.body).toBe(method === "HEAD" ? "" : reply.body);
      if (method !== "HEAD") expect(JSON.parse(reply.body).code).toBe("unimplemented");
      expect((await agent.poll("?wait=0")).status).toBe(200);
    },
  );
});

describe("protocol.md, Answers: 429", () => {
  test("one poll more than the cap ends the host's oldest, with Retry-After; the others go on", async () => {
    const polls = [];
    const parked = parkedSoFar(server, "web-01");
    for (let i = 0; i < 5; i += 1) {
      polls.push(agent.poll());
      await untilParked(server, "web-01", parked + i + 1);
    }
    const oldest = await polls[0];
    expect([oldest?.status, JSON.parse(oldest?.body ?? "").code]).toEqual([429, "resource_exhausted"]);
    expect(Number(oldest?.headers["retry-after"])).toBeGreaterThanOrEqual(5);
    await operator.enqueue(...["a@1", "a@2", "a@3", "a@4"].map((rollout_id) => wireDispatch("web-01", { rollout_id })));
    const rest = await Promise.all(polls.slice(1));
    expect(rest.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    // Newest first: the oldest dispatch goes to the youngest poll.
    expect(rest.map(({ body }) => JSON.parse(body).rollout_id)).toEqual(["a@4", "a@3", "a@2", "a@1"]);
  });
});

describe("protocol.md, Answers: 500", () => {
  test("the queue failed: an error object without its cause, logged as an error, and nothing is consumed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-500-"));
    const db = join(folder, "dispatch.db");
    const identity = await pki.agent("web-01");
    // A trigger makes SQLite itself refuse the take's update.
    const sabotage = (sql: string) => new Database(db).exec(sql).close();

    const first = await TestServer.start(pki, { db });
    await new HttpClient(first, pki, pki.operator).enqueue(wireDispatch("web-01"));
    await first.stop();
    sabotage("CREATE TRIGGER fire BEFORE UPDATE ON dispatches BEGIN SELECT RAISE(ABORT, 'disk on fire'); END");
    const broken = await TestServer.start(pki, { db });
    const reply = await new HttpClient(broken, pki, identity).poll("?wait=60");
    expect([reply.status, JSON.parse(reply.body)]).toEqual([500, { code: "internal", message: "internal error" }]);
    const line = await broken.logged((each) => each.msg === "take failed; nothing was handed out");
    expect([line.level, JSON.stringify(line)]).toEqual([50, expect.stringContaining("disk on fire")]);
    await broken.stop();
    sabotage("DROP TRIGGER fire");
    const mended = await TestServer.start(pki, { db });
    expect((await new HttpClient(mended, pki, identity).poll("?wait=0")).status).toBe(200);
    await mended.stop();
    rmSync(folder, { recursive: true });
  });
});

describe("protocol.md, Answers: 503", () => {
  test("the server is shutting down: every parked poll is answered so at once, with Retry-After, and the exit is 0", async () => {
    const ending = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
    const polls = [];
    for (let i = 0; i < 8; i += 1) polls.push(new HttpClient(ending, pki, await pki.agent(`web-${i}`)).poll());
    await Promise.all(polls.map((_, i) => untilParked(ending, `web-${i}`)));
    const exit = ending.stop();
    const replies = await Promise.all(polls);
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(503));
    for (const { headers, body } of replies) {
      expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1);
      expect(JSON.parse(body).code).toBe("unavailable");
    }
    expect(await exit).toBe(0);
  });
});
