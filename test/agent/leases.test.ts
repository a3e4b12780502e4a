import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AgentError, type LeasedDispatch, type LeaseJson, plainDispatches } from "../../src/agent/index.js";
import { createTestPki, type Pair, type TestPki } from "./certificates.js";
import {
  attemptOver,
  denied,
  firstLease,
  leasedDelivery,
  leasedWires,
  startLeasedAgent,
  unavailable,
  unknownDispatch,
  web01,
} from "./running.js";
import { proxyPath, type ScriptedServer, startScriptedServer } from "./scripted-server.js";

let pki: TestPki;
let pair: Pair;
let server: ScriptedServer;

beforeAll(async () => {
  pki = await createTestPki();
  pair = await pki.agent("web-01");
});
beforeEach(async () => {
  server = await startScriptedServer(pki);
});
afterEach(() => server.close());

const about = { rollout_id: web01.rollout_id, lease_token: firstLease.token };

/** What can be said of a dispatch, and how it arrives. */
const calls = [
  {
    name: "acknowledge",
    make: (dispatch: LeasedDispatch, signal?: AbortSignal) => dispatch.acknowledge({ signal }),
    arrives: { call: "ack", fields: about },
    rpc: "AckDispatch",
    answer: { kind: "ok" } as const,
  },
  {
    name: "reject",
    make: (dispatch: LeasedDispatch, signal?: AbortSignal) => dispatch.reject("no space left", { signal }),
    arrives: { call: "reject", fields: { ...about, reason: "no space left" } },
    rpc: "RejectDispatch",
    answer: { kind: "ok" } as const,
  },
  {
    name: "extend",
    make: (dispatch: LeasedDispatch, signal?: AbortSignal) => dispatch.extend(undefined, { signal }),
    arrives: { call: "extend", fields: { ...about, lease_seconds: 60 } },
    rpc: "ExtendLease",
    answer: { kind: "lease", lease: firstLease } as const,
  },
];

describe.each(leasedWires)("$name with leaseSeconds", ({ open, isPlain, isHttp2 }) => {
  const start = (options: Parameters<typeof startLeasedAgent>[2] = {}) =>
    startLeasedAgent({ server, pki, pair }, open, options);

  test("asks for the lease, and yields it with the five fields", async () => {
    const agent = start({ leaseSeconds: 90 });
    const next = agent.iterator.next();
    const poll = await server.polls.next();
    expect(poll).toMatchObject({ leaseSeconds: "90", wait: "60", hostname: "web-01" });
    poll.answer(leasedDelivery());
    const { value } = await next;
    expect(JSON.parse(JSON.stringify(value))).toEqual({
      hostname: "web-01",
      rolloutId: "stable@a1b2c3d4",
      targetClosure: web01.target_closure,
      soakDueAt: "2026-05-16T01:30:00.123456Z",
      enqueuedAt: "2026-05-16T01:27:00Z",
      lease: { token: firstLease.token, expiresAt: "2026-05-16T01:31:00.500Z", attempt: 1 },
      leftMs: 90_000,
    });
    await agent.stop();
  });

  test.each<[string, Partial<LeaseJson> | undefined, string]>([
    ["without a lease", undefined, "lease is missing"],
    ["whose lease has no token", { token: "" }, "lease.token is"],
    ["whose lease has no attempt", { attempt: 0 }, "lease.attempt is"],
  ])("does not take a dispatch %s", async (_, lease, problem) => {
    const agent = start();
    const next = agent.iterator.next();
    const { lease: __, ...bare } = web01;
    const dispatch = lease === undefined ? bare : { ...bare, lease: { ...firstLease, ...lease } };
    (await server.polls.next()).answer({ kind: "dispatch", dispatch });
    const event = await agent.events.next();
    expect(event).toMatchObject({ type: "retrying", cause: { kind: "malformed" } });
    expect("cause" in event && event.cause.message).toContain(`not a dispatch: ${problem}`);
    await agent.stop(next);
  });

  describe.each(calls)("$name", ({ make, arrives, rpc, answer }) => {
    test("arrives on its path, with certificate and version, over the connection of the poll", async () => {
      const agent = start({ server: `${server.url}${proxyPath}` });
      const dispatch = await agent.take();
      const made = make(dispatch);
      const call = await server.calls.next();
      const path = isPlain ? `/v1/agent/dispatch/${arrives.call}` : `/nixfleet.dispatch.v1.AgentService/${rpc}`;
      expect(call).toMatchObject({
        ...arrives,
        path: `${proxyPath}${path}`,
        protocol: "1",
        commonName: "agent-web-01.fleet.lab.internal",
      });
      call.answer(answer);
      await made;
      expect(server.opened).toBe(1);
      await agent.stop();
    });

    test("goes out while a poll is parked, which it leaves alone", async () => {
      const agent = start();
      const dispatch = await agent.take();
      const next = agent.iterator.next();
      const poll = await server.polls.next();
      const made = make(dispatch);
      (await server.calls.next()).answer(answer);
      await made;
      poll.answer(leasedDelivery({ rollout_id: "stable@02" }));
      expect((await next).value).toMatchObject({ rolloutId: "stable@02" });
      expect(server.opened).toBe(isHttp2 ? 1 : 2);
      await agent.stop();
    });

    test("is not cut when the parked poll fails", async () => {
      const agent = start();
      const dispatch = await agent.take();
      const next = agent.iterator.next();
      const poll = await server.polls.next();
      const made = make(dispatch);
      const call = await server.calls.next();
      poll.answer(unavailable());
      expect(await agent.events.next()).toMatchObject({ type: "retrying" });
      call.answer(answer);
      await made;
      expect(agent.events.pending).toEqual([]);
      await agent.stop(next);
    });

    test("works after the iteration has ended, and leaves no connection", async () => {
      const agent = start();
      const dispatch = await agent.take();
      await agent.stop();
      const made = make(dispatch);
      (await server.calls.next()).answer(answer);
      await made;
      await server.connectionsClosed();
      expect(agent.clock.timers).toBe(0);
    });

    test("is repeated after a lost answer", async () => {
      const agent = start();
      const dispatch = await agent.take();
      const made = make(dispatch);
      (await server.calls.next()).answer({ kind: "cut" });
      expect(await agent.retryingCall()).toMatchObject({
        call: arrives.call === "ack" ? "acknowledge" : arrives.call,
        cause: { kind: "network" },
        dispatch: { rolloutId: "stable@a1b2c3d4" },
        failures: 1,
        delayMs: 500,
      });
      expect(server.calls.pending).toEqual([]);
      agent.clock.advance(500);
      const again = await server.calls.next();
      expect(again).toMatchObject(arrives);
      again.answer(answer);
      await made;
      await agent.stop();
    });

    test.each([
      ["attempt-over", attemptOver, "the lease has run out"],
      ["unknown-dispatch", unknownDispatch, "no dispatch stable@a1b2c3d4 is known for web-01"],
    ])("throws %s at once, and keeps the connection", async (kind, reply, message) => {
      const agent = start();
      const made = make(await agent.take());
      (await server.calls.next()).answer(reply);
      const error: unknown = await made.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AgentError);
      expect(error).toMatchObject({ kind, message });
      expect(agent.events.pending).toEqual([]);
      await agent.take();
      expect(server.opened).toBe(1);
      await agent.stop();
    });

    test("is made again after Retry-After", async () => {
      const agent = start();
      const made = make(await agent.take());
      (await server.calls.next()).answer(unavailable("7"));
      expect(await agent.retryingCall()).toMatchObject({ delayMs: 7_500, cause: { code: "unavailable" } });
      agent.clock.advance(7_500);
      (await server.calls.next()).answer(answer);
      await made;
      await agent.stop();
    });

    test("gives up when the lease has ended, and no sooner", async () => {
      const agent = start();
      const made = make(await agent.take());
      const given = made.catch((thrown: unknown) => (thrown instanceof AgentError ? thrown : undefined));
      let waitedMs = 0;
      for (;;) {
        (await server.calls.next()).answer(unavailable());
        const happened = await Promise.race([agent.retryingCall(), given]);
        if (happened instanceof AgentError) break;
        if (happened === undefined || !("delayMs" in happened)) throw new Error("answered");
        waitedMs += happened.delayMs;
        agent.clock.advance(happened.delayMs);
      }
      expect(await given).toMatchObject({ kind: "lease-ended", cause: { code: "unavailable" } });
      expect(await given).toMatchObject({ message: "the lease has ended: the server is shutting down" });
      expect(waitedMs).toBeGreaterThan(59_900);
      expect(waitedMs).toBeLessThan(60_000);
      await agent.stop();
    });

    test("gets another attempt before the end, however late Retry-After is", async () => {
      const agent = start();
      const made = make(await agent.take());
      (await server.calls.next()).answer(unavailable("3600"));
      expect(await agent.retryingCall()).toMatchObject({ delayMs: 30_000 });
      agent.clock.advance(30_000);
      (await server.calls.next()).answer(answer);
      await made;
      await agent.stop();
    });

    test("is made over a new connection when the server is silent for 10 s", async () => {
      const agent = start();
      const made = make(await agent.take());
      await server.calls.next();
      agent.clock.advance(9_999);
      expect(agent.events.pending).toEqual([]);
      agent.clock.advance(1);
      expect(await agent.retryingCall()).toMatchObject({ cause: { kind: "deadline" } });
      await server.connectionsClosed();
      agent.clock.advance(500);
      (await server.calls.next()).answer(answer);
      await made;
      expect(server.opened).toBe(2);
      await agent.stop();
    });

    test.each([
      ["can be answered", answer, undefined],
      ["is not repeated", unavailable(), { kind: "lease-ended" }],
    ])("made after the end %s: the server decides", async (_, reply, error) => {
      const agent = start();
      const dispatch = await agent.take();
      agent.clock.advance(60_000);
      expect(dispatch.leftMs).toBe(0);
      const made = make(dispatch).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      (await server.calls.next()).answer(reply);
      if (error === undefined) expect(await made).toBeUndefined();
      else expect(await made).toMatchObject(error);
      await agent.stop();
    });

    test("is given up when its signal aborts, with that reason", async () => {
      const agent = start();
      const dispatch = await agent.take();
      const controller = new AbortController();
      const made = make(dispatch, controller.signal);
      const call = await server.calls.next();
      controller.abort(new Error("second signal"));
      await expect(made).rejects.toThrow("second signal");
      call.answer(answer);
      await agent.stop();
      const waiting = new AbortController();
      const again = make(dispatch, waiting.signal);
      (await server.calls.next()).answer(unavailable());
      await agent.retryingCall();
      waiting.abort(new Error("in the pause"));
      await expect(again).rejects.toThrow("in the pause");
      expect(agent.clock.timers).toBe(0);
    });

    test("is made again when the certificate is refused, with the one that is there by then", async () => {
      let current = pair;
      const agent = start({ cert: () => current.cert, key: () => current.key });
      const made = make(await agent.take());
      const call = await server.calls.next();
      current = await pki.agent("web-01-renewed");
      call.answer(denied);
      expect(await agent.retryingCall()).toMatchObject({ cause: { kind: "denied" } });
      agent.clock.advance(500);
      const again = await server.calls.next();
      expect(again.commonName).toBe("agent-web-01-renewed.fleet.lab.internal");
      again.answer(answer);
      await made;
      await agent.stop();
    });

    test("with failFast throws then", async () => {
      const agent = start({ failFast: true });
      const made = make(await agent.take()).catch((thrown: unknown) => thrown);
      (await server.calls.next()).answer(denied);
      expect(await made).toMatchObject({ kind: "denied", code: "unauthenticated" });
      await agent.stop();
    });
  });

  test("sends the first 1,024 bytes of a reason, whole characters only", async () => {
    const agent = start();
    const made = (await agent.take()).reject(`${"x".repeat(1_021)}😀 and more`);
    const call = await server.calls.next();
    expect(call.fields.reason).toBe("x".repeat(1_021));
    call.answer({ kind: "ok" });
    await made;
    await agent.stop();
  });

  test("extends by what is asked for, from the moment of asking", async () => {
    const agent = start();
    const dispatch = await agent.take();
    agent.clock.advance(50_000);
    expect(dispatch.leftMs).toBe(10_000);
    const made = dispatch.extend(120);
    const call = await server.calls.next();
    expect(call.fields).toMatchObject({ lease_seconds: 120 });
    agent.clock.advance(4_000);
    call.answer({ kind: "lease", lease: { ...firstLease, expires_at: "2026-05-16T01:33:00Z" } });
    expect(await made).toEqual({ token: firstLease.token, expiresAt: "2026-05-16T01:33:00Z", attempt: 1 });
    expect(dispatch.lease.expiresAt).toBe("2026-05-16T01:33:00Z");
    expect(dispatch.leftMs).toBe(116_000);
    await agent.stop();
  });

  test.each([0, -1, 1.5, 3_601, Number.NaN])("refuses to extend by %d s", async (seconds) => {
    const agent = start();
    const dispatch = await agent.take();
    await expect(dispatch.extend(seconds)).rejects.toThrow("seconds: must be a whole number from 1 to 3600");
    expect(server.calls.pending).toEqual([]);
    await agent.stop();
  });

  test.each([3_600_000, -3_600_000])("does not mind the wall clock being set by %d ms", async (ms) => {
    const agent = start();
    const dispatch = await agent.take();
    agent.clock.advance(10_000);
    agent.clock.set(ms);
    expect(dispatch.leftMs).toBe(50_000);
    await agent.stop();
  });
});

describe("plainDispatches with leaseSeconds behind a proxy", () => {
  test.each([404, 400, 502, 500])("a %d that is not the server's own says nothing of the dispatch", async (status) => {
    const agent = startLeasedAgent({ server, pki, pair }, (options) => plainDispatches(options));
    const made = (await agent.take()).acknowledge();
    (await server.calls.next()).answer({ kind: "raw", status, body: "<html>" });
    await agent.retryingCall();
    agent.clock.advance(500);
    (await server.calls.next()).answer({ kind: "ok" });
    await made;
    await agent.stop();
  });
});
