import { createServer, type Socket } from "node:net";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  AgentError,
  type AgentEvent,
  type AgentOptions,
  type Dispatch,
  type DispatchJson,
  dispatches,
  plainDispatches,
} from "../../src/agent/index.js";
import { createTestPki, type Pair, type TestPki } from "./certificates.js";
import { FakeClock } from "./fake-clock.js";
import { Happenings } from "./happenings.js";
import { proxyPath, type Reply, type ScriptedServer, startScriptedServer } from "./scripted-server.js";

const web01: DispatchJson = {
  hostname: "web-01",
  rollout_id: "stable@a1b2c3d4",
  target_closure: "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05",
  soak_due_at: "2026-05-16T01:30:00.123456Z",
  enqueued_at: "2026-05-16T01:27:00Z",
};

const empty: Reply = { kind: "empty" };
const delivery = (dispatch: Partial<DispatchJson> = {}): Reply => ({
  kind: "dispatch",
  dispatch: { ...web01, ...dispatch },
});
const unavailable = (retryAfter?: string): Reply => ({
  kind: "error",
  code: Code.Unavailable,
  status: 503,
  message: "the server is shutting down",
  ...(retryAfter === undefined ? {} : { retryAfter }),
});
const denied: Reply = {
  kind: "error",
  code: Code.PermissionDenied,
  status: 403,
  message: "the certificate is for web-02",
};

let pki: TestPki;
let web01Pair: Pair;
let server: ScriptedServer;

beforeAll(async () => {
  pki = await createTestPki();
  web01Pair = await pki.agent("web-01");
});
beforeEach(async () => {
  server = await startScriptedServer(pki);
});
afterEach(() => server.close());

const wires = [
  { name: "dispatches over HTTP/1.1", open: (o: AgentOptions) => dispatches(o), httpVersion: "1.1" },
  {
    name: "dispatches over HTTP/2",
    open: (o: AgentOptions) => dispatches({ ...o, httpVersion: "2" }),
    httpVersion: "2.0",
  },
  { name: "plainDispatches", open: (o: AgentOptions) => plainDispatches(o), httpVersion: "1.1" },
];

/** An agent with its clock in the test's hand; each random number is the highest there is, so delays are at their top. */
function startAgent(open: (options: AgentOptions) => AsyncIterable<Dispatch>, options: Partial<AgentOptions> = {}) {
  const clock = new FakeClock();
  const events = new Happenings<AgentEvent>();
  const abort = new AbortController();
  const iterator = open({
    server: server.url,
    ca: pki.ca,
    cert: web01Pair.cert,
    key: web01Pair.key,
    hostname: "web-01",
    signal: abort.signal,
    clock,
    random: () => 1,
    onEvent: (event) => events.push(event),
    ...options,
  })[Symbol.asyncIterator]();
  return {
    clock,
    events,
    iterator,
    async retrying() {
      for (;;) {
        const event = await events.next();
        if (event.type === "retrying") return event;
      }
    },
    /** Aborts, and sees to it that nothing is left. */
    async stop(pending?: Promise<IteratorResult<Dispatch>>) {
      abort.abort();
      expect(await (pending ?? iterator.next())).toEqual({ done: true, value: undefined });
      expect(clock.timers).toBe(0);
      await server.connectionsClosed();
    },
  };
}

describe.each(wires)("$name", ({ open, httpVersion }) => {
  test("yields the five fields of a dispatch, its instants to the microsecond", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(delivery());
    expect(await next).toEqual({
      done: false,
      value: {
        hostname: "web-01",
        rolloutId: "stable@a1b2c3d4",
        targetClosure: web01.target_closure,
        soakDueAt: "2026-05-16T01:30:00.123456Z",
        enqueuedAt: "2026-05-16T01:27:00Z",
      },
    });
    await agent.stop();
  });

  test("asks for 60 s, with its certificate, its hostname and the version of the protocol", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    const poll = await server.polls.next();
    expect(poll).toMatchObject({
      wait: "60",
      hostname: "web-01",
      protocol: "1",
      commonName: "agent-web-01.fleet.lab.internal",
      httpVersion,
    });
    await agent.stop(next);
  });

  test("yields each dispatch once and asks for no other while one is being handled", async () => {
    const agent = startAgent(open);
    for (const ref of ["01", "02", "03"]) {
      expect(server.polls.pending).toEqual([]);
      const next = agent.iterator.next();
      (await server.polls.next()).answer(delivery({ rollout_id: `stable@${ref}` }));
      expect((await next).value).toMatchObject({ rolloutId: `stable@${ref}` });
    }
    expect(server.opened).toBe(1);
    await agent.stop();
  });

  test("polls again at once after an empty answer at the end of the wait, on the same connection", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    for (let i = 0; i < 3; i++) {
      const poll = await server.polls.next();
      agent.clock.advance(57_000);
      poll.answer(empty);
      expect(await agent.events.next()).toEqual({ type: "polled-empty", elapsedMs: 57_000 });
    }
    await server.polls.next();
    expect(server.opened).toBe(1);
    await agent.stop(next);
  });

  test("backs off when a server without a queue gives empty answers at once", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    for (const delayMs of [1_000, 2_000, 4_000]) {
      (await server.polls.next()).answer(empty);
      const event = await agent.retrying();
      expect(event).toMatchObject({ delayMs, cause: { kind: "early-empty" } });
      expect(server.polls.pending).toEqual([]);
      agent.clock.advance(delayMs);
    }
    await server.polls.next();
    await agent.stop(next);
  });

  test("doubles the delay with each error in a row up to 30 s and starts anew after an answer", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    for (const delayMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      (await server.polls.next()).answer({
        kind: "error",
        code: Code.Internal,
        status: 500,
        message: "internal error",
      });
      expect(await agent.retrying()).toMatchObject({
        delayMs,
        cause: { kind: "server", code: "internal", message: "internal error" },
      });
      agent.clock.advance(delayMs);
    }
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ rolloutId: "stable@a1b2c3d4" });
    const second = agent.iterator.next();
    (await server.polls.next()).answer(unavailable());
    expect(await agent.retrying()).toMatchObject({ delayMs: 1_000, failures: 1 });
    await agent.stop(second);
  });

  test.each([
    ["7", 7_000],
    ["Sat, 16 May 2026 01:30:09 GMT", 9_000],
    ["soon", 0],
  ])("waits at least as long as Retry-After %s says", async (retryAfter, atLeastMs) => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(unavailable(retryAfter));
    expect(await agent.retrying()).toMatchObject({ delayMs: atLeastMs + 1_000, cause: { code: "unavailable" } });
    await agent.stop(next);
  });

  test("never yields a dispatch for another host, reports it and backs off", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(delivery({ hostname: "web-02" }));
    expect(await agent.events.next()).toMatchObject({ type: "refused", dispatch: { hostname: "web-02" } });
    expect(await agent.retrying()).toMatchObject({ delayMs: 1_000, cause: { kind: "refused" } });
    agent.clock.advance(1_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ hostname: "web-01" });
    await agent.stop();
  });

  test("tries again after being denied, and says why", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(denied);
    expect((await agent.retrying()).cause).toMatchObject({
      kind: "denied",
      code: "permission_denied",
      message: "the certificate is for web-02",
    });
    agent.clock.advance(1_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ hostname: "web-01" });
    await agent.stop();
  });

  test("with failFast throws when denied", async () => {
    const agent = startAgent(open, { failFast: true });
    const next = agent.iterator.next();
    (await server.polls.next()).answer(denied);
    const error = await next.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({ code: "permission_denied", message: "the certificate is for web-02" });
    await agent.stop();
  });

  test("with failFast goes on after an error that may pass", async () => {
    const agent = startAgent(open, { failFast: true });
    const next = agent.iterator.next();
    (await server.polls.next()).answer(unavailable());
    await agent.retrying();
    agent.clock.advance(1_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).done).toBe(false);
    await agent.stop();
  });

  test("connects again when the server restarts on its port", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    await server.polls.next();
    await server.close();
    expect((await agent.retrying()).cause).toMatchObject({ kind: "network" });
    agent.clock.advance(1_000);
    expect((await agent.retrying()).cause).toMatchObject({ kind: "network" });
    server = await startScriptedServer(pki, server.port);
    agent.clock.advance(2_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ hostname: "web-01" });
    await agent.stop();
  });

  test("connects again when the connection dies while idle", async () => {
    const agent = startAgent(open);
    const first = agent.iterator.next();
    (await server.polls.next()).answer(delivery());
    await first;
    server.dropConnections();
    await server.connectionsClosed();
    const next = agent.iterator.next();
    // Whether it notices before it polls or only then is up to the kernel's timing.
    const poll = server.polls.next();
    void agent.retrying().then(() => agent.clock.advance(1_000));
    (await poll).answer(delivery({ rollout_id: "stable@02" }));
    expect((await next).value).toMatchObject({ rolloutId: "stable@02" });
    await agent.stop();
  });

  test("gives up after 65 s and polls over a new connection", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    await server.polls.next();
    agent.clock.advance(64_999);
    expect(agent.events.pending).toEqual([]);
    agent.clock.advance(1);
    expect((await agent.retrying()).cause).toMatchObject({ kind: "deadline", message: "no answer within 65000 ms" });
    await server.connectionsClosed();
    agent.clock.advance(1_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).done).toBe(false);
    expect(server.opened).toBe(2);
    await agent.stop();
  });

  test("the deadline covers connecting too", async () => {
    await withSilentServer(async (url, accepted) => {
      const agent = startAgent(open, { server: url });
      const next = agent.iterator.next();
      const socket = await accepted;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      agent.clock.advance(65_000);
      expect((await agent.retrying()).cause).toMatchObject({ kind: "deadline" });
      await closed;
      await agent.stop(next);
    });
  });

  test("ends promptly when aborted while connecting", async () => {
    await withSilentServer(async (url, accepted) => {
      const agent = startAgent(open, { server: url });
      const next = agent.iterator.next();
      const socket = await accepted;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await agent.stop(next);
      await closed;
    });
  });

  test("ends promptly when aborted while a poll is parked", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    await server.polls.next();
    await agent.stop(next);
    expect(agent.events.pending).toEqual([]);
  });

  test("ends promptly when aborted while backing off", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(unavailable());
    await agent.retrying();
    await agent.stop(next);
  });

  test("does not connect at all when aborted before the first poll", async () => {
    const agent = startAgent(open);
    await agent.stop();
    expect(server.opened).toBe(0);
  });

  test("closes its connection when the consumer leaves the loop", async () => {
    const agent = startAgent(open);
    server.polls.next().then((poll) => poll.answer(delivery()));
    for await (const dispatch of { [Symbol.asyncIterator]: () => agent.iterator }) {
      expect(dispatch.hostname).toBe("web-01");
      break;
    }
    await server.connectionsClosed();
    await agent.stop();
  });

  test("return() ends a parked poll", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    await server.polls.next();
    await agent.iterator.return?.();
    await agent.stop(next);
  });

  test("takes replaced certificates at the next connection", async () => {
    let pair = web01Pair;
    const agent = startAgent(open, { cert: () => pair.cert, key: async () => pair.key });
    const next = agent.iterator.next();
    const first = await server.polls.next();
    pair = await pki.agent("web-01-renewed");
    first.answer(denied);
    await agent.retrying();
    agent.clock.advance(1_000);
    expect((await server.polls.next()).commonName).toBe("agent-web-01-renewed.fleet.lab.internal");
    await agent.stop(next);
  });

  test.each([
    [
      "cannot be read",
      {
        key: () => {
          throw new Error("ENOENT: no such file");
        },
      },
    ],
    ["is no PEM", { cert: "nonsense" }],
  ])("tries again when a certificate or key %s, or throws with failFast", async (_, options) => {
    const agent = startAgent(open, options);
    const next = agent.iterator.next();
    expect((await agent.retrying()).cause).toMatchObject({ kind: "credentials" });
    await agent.stop(next);
    const impatient = startAgent(open, { ...options, failFast: true });
    await expect(impatient.iterator.next()).rejects.toMatchObject({ name: "AgentError", kind: "credentials" });
    await impatient.stop();
  });

  test("does not talk to a server of another authority", async () => {
    const other = await createTestPki();
    const agent = startAgent(open, { ca: other.ca });
    const next = agent.iterator.next();
    expect((await agent.retrying()).cause).toMatchObject({ kind: "network" });
    expect(server.polls.pending).toEqual([]);
    await agent.stop(next);
  });

  test("does not take an answer of more than 64 KiB", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(delivery({ target_closure: `/nix/store/${"a".repeat(64 * 1024)}` }));
    expect((await agent.retrying()).cause).toMatchObject({ kind: "malformed" });
    await agent.stop(next);
  });

  test("keeps the path in front of the API that the URL names", async () => {
    const agent = startAgent(open, { server: `${server.url}${proxyPath}/` });
    const next = agent.iterator.next();
    const poll = await server.polls.next();
    expect(poll.path).toMatch(new RegExp(`^${proxyPath}/[a-z0-9]`));
    await agent.stop(next);
  });

  test("does not take a dispatch that lacks a field", async () => {
    const agent = startAgent(open);
    const next = agent.iterator.next();
    const { soak_due_at: _, ...fields } = web01;
    (await server.polls.next()).answer({ kind: "dispatch", dispatch: fields });
    expect((await agent.retrying()).cause).toMatchObject({
      kind: "malformed",
      message: "not a dispatch: soak_due_at is missing",
    });
    await agent.stop(next);
  });
});

describe("plainDispatches against servers that are not ours", () => {
  const raw = (status: number, body: string, headers: Record<string, string> = {}): Reply => ({
    kind: "raw",
    status,
    body,
    headers,
  });

  test.each([
    ["a 204", raw(204, "")],
    ["a 200 with an empty body", raw(200, "")],
    ["a 200 with null", raw(200, "null\n")],
  ])("takes %s for no dispatch", async (_, reply) => {
    const agent = startAgent(plainDispatches);
    const next = agent.iterator.next();
    const poll = await server.polls.next();
    agent.clock.advance(60_000);
    poll.answer(reply);
    expect(await agent.events.next()).toEqual({ type: "polled-empty", elapsedMs: 60_000 });
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ hostname: "web-01" });
    await agent.stop();
  });

  test("ignores fields that it does not know", async () => {
    const agent = startAgent(plainDispatches);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(raw(200, JSON.stringify({ ...web01, colour: "green" })));
    expect(Object.keys((await next).value)).toEqual([
      "hostname",
      "rolloutId",
      "targetClosure",
      "soakDueAt",
      "enqueuedAt",
    ]);
    await agent.stop();
  });

  test.each([
    ["HTML", raw(200, "<html>"), { kind: "malformed" }],
    ["a list", raw(200, JSON.stringify([web01])), { kind: "malformed" }],
    ["a redirect", raw(307, "", { location: "/v1/agent/dispatch" }), { kind: "server", status: 307 }],
    ["a gateway's 502", raw(502, "<html>"), { kind: "server", status: 502, code: "unavailable", message: "HTTP 502" }],
    ["a 404", raw(404, "nothing here"), { kind: "denied", status: 404, code: "not_found" }],
    ["a 426", raw(426, "{}"), { kind: "denied", status: 426, code: "failed_precondition" }],
    ["a 400 with null", raw(400, "null"), { kind: "denied", status: 400, code: "invalid_argument" }],
    ["an answer that ends early", raw(200, "{", { "content-length": "100" }), { kind: "network" }],
  ])("reports %s and tries again", async (_, reply, cause) => {
    const agent = startAgent(plainDispatches);
    const next = agent.iterator.next();
    (await server.polls.next()).answer(reply);
    if (cause.kind === "network") server.dropConnections();
    expect((await agent.retrying()).cause).toMatchObject(cause);
    agent.clock.advance(1_000);
    (await server.polls.next()).answer(delivery());
    expect((await next).value).toMatchObject({ hostname: "web-01" });
    await agent.stop();
  });
});

/** Accepts connections and never says anything. */
async function withSilentServer(run: (url: string, accepted: Promise<Socket>) => Promise<void>) {
  const silent = createServer();
  const accepted = new Promise<Socket>((resolve) => silent.once("connection", resolve));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  try {
    // Data must be read, or the end of the connection is not seen.
    void accepted.then((socket) => socket.resume());
    await run(`https://127.0.0.1:${address.port}`, accepted);
  } finally {
    await new Promise((resolve) => silent.close(resolve));
  }
}
