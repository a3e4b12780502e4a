import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AgentError, handle, handleOne, type LeasedDispatch, type Outcome } from "../../src/agent/index.js";
import { createTestPki, type Pair, type TestPki } from "./certificates.js";
import { Happenings } from "./happenings.js";
import {
  attemptOver,
  denied,
  firstLease,
  leasedDelivery,
  leasedWires,
  startLeasedAgent,
  unavailable,
} from "./running.js";
import { type CallReply, type ScriptedServer, startScriptedServer } from "./scripted-server.js";

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

const ok: CallReply = { kind: "ok" };
const extended: CallReply = { kind: "lease", lease: { ...firstLease, expires_at: "2026-05-16T01:32:00Z" } };

/** Work that ends when the test says so. */
class Work {
  readonly started = new Happenings<LeasedDispatch>();
  signal: AbortSignal | undefined;
  finish: () => void = () => {};
  fail: (thrown: unknown) => void = () => {};

  readonly handler = (dispatch: LeasedDispatch, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      this.signal = signal;
      this.finish = resolve;
      this.fail = reject;
      this.started.push(dispatch);
    });
}

describe.each(leasedWires)("handleOne, of $name", ({ open }) => {
  /** Has taken a dispatch under a lease of a minute and works on it. */
  async function startWork(options: Parameters<typeof startLeasedAgent>[2] = {}, abandon?: AbortSignal) {
    const agent = startLeasedAgent({ server, pki, pair }, open, options);
    const work = new Work();
    const outcome: Promise<Outcome> = handleOne(await agent.take(), work.handler, { abandon });
    const dispatch = await work.started.next();
    return { agent, work, outcome, dispatch };
  }

  /** The extension that is due now succeeds. */
  async function extend(dispatch: LeasedDispatch) {
    const call = await server.calls.next();
    expect(call).toMatchObject({ call: "extend", fields: { lease_token: firstLease.token, lease_seconds: 60 } });
    const leftMs = dispatch.leftMs;
    call.answer(extended);
    await expect.poll(() => dispatch.leftMs).toBeGreaterThan(leftMs);
  }

  test("acknowledges what succeeds", async () => {
    const { agent, work, outcome } = await startWork();
    expect(server.calls.pending).toEqual([]);
    work.finish();
    const call = await server.calls.next();
    expect(call).toMatchObject({
      call: "ack",
      fields: { rollout_id: "stable@a1b2c3d4", lease_token: firstLease.token },
    });
    call.answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    await agent.stop();
  });

  test("rejects what throws, with the last line of its message", async () => {
    const { agent, work, outcome } = await startWork();
    const thrown = new Error("building\nno space left\n");
    work.fail(thrown);
    const call = await server.calls.next();
    expect(call).toMatchObject({ call: "reject", fields: { reason: "no space left" } });
    call.answer(ok);
    expect(await outcome).toEqual({ kind: "rejected", reason: "no space left", thrown });
    await agent.stop();
  });

  test.each([
    [0, 16_000],
    [0.5, 20_000],
    [1, 24_000],
  ])("with the random number %d extends the lease every %d ms", async (random, everyMs) => {
    const { agent, work, outcome, dispatch } = await startWork({ random: () => random });
    for (let i = 0; i < 4; i++) {
      agent.clock.advance(everyMs - 1);
      await turn();
      expect(server.calls.pending).toEqual([]);
      agent.clock.advance(1);
      await extend(dispatch);
      expect(dispatch.lease.expiresAt).toBe("2026-05-16T01:32:00Z");
    }
    expect(work.signal?.aborted).toBe(false);
    work.finish();
    (await server.calls.next()).answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    await agent.stop();
  });

  test.each([
    ["503", unavailable()],
    ["a refused certificate", denied],
    ["a lost answer", { kind: "cut" } as const],
  ])("gets over extensions that fail for a while (%s)", async (_, reply) => {
    const { agent, work, outcome, dispatch } = await startWork();
    agent.clock.advance(20_000);
    for (let waitedMs = 0; waitedMs < 25_000; ) {
      (await server.calls.next()).answer(reply);
      const { delayMs } = await agent.retryingCall();
      agent.clock.advance(delayMs);
      waitedMs += delayMs;
    }
    await extend(dispatch);
    agent.clock.advance(19_999);
    expect(work.signal?.aborted).toBe(false);
    work.finish();
    (await server.calls.next()).answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    await agent.stop();
  });

  test("tells the work when the lease has ended without an extension, and not before", async () => {
    const { agent, work, outcome } = await startWork();
    agent.clock.advance(20_000);
    (await server.calls.next()).answer(unavailable("3600"));
    expect(await agent.retryingCall()).toMatchObject({ call: "extend", delayMs: 20_000 });
    agent.clock.advance(20_000);
    // This one is never answered.
    await server.calls.next();
    agent.clock.advance(9_999);
    expect(work.signal?.aborted).toBe(false);
    agent.clock.advance(10_001);
    expect(work.signal?.aborted).toBe(true);
    expect(work.signal?.reason).toBeInstanceOf(AgentError);
    expect(work.signal?.reason).toMatchObject({ kind: "lease-ended", cause: { code: "unavailable" } });
    work.finish();
    expect(await outcome).toMatchObject({ kind: "lost", cause: { kind: "lease-ended" } });
    expect(server.calls.pending).toEqual([]);
    await agent.stop();
  });

  test("tells the work at once when the server says that the attempt is over", async () => {
    const { agent, work, outcome } = await startWork();
    agent.clock.advance(20_000);
    const aborted = new Promise((resolve) => work.signal?.addEventListener("abort", resolve));
    (await server.calls.next()).answer(attemptOver);
    await aborted;
    expect(work.signal?.reason).toMatchObject({ kind: "attempt-over", message: "the lease has run out" });
    work.fail(new Error("killed"));
    expect(await outcome).toMatchObject({ kind: "lost", cause: { kind: "attempt-over" } });
    expect(server.calls.pending).toEqual([]);
    await agent.stop();
  });

  test("acknowledges while an extension is under way, and forgets that", async () => {
    const { agent, work, outcome } = await startWork();
    agent.clock.advance(20_000);
    const extension = await server.calls.next();
    work.finish();
    const call = await server.calls.next();
    expect(call.call).toBe("ack");
    call.answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    extension.answer(attemptOver);
    await agent.stop();
  });

  test("tries to acknowledge until the lease has ended, counted from its last extension", async () => {
    const { agent, work, outcome, dispatch } = await startWork();
    agent.clock.advance(20_000);
    await extend(dispatch);
    agent.clock.advance(10_000);
    work.finish();
    (await server.calls.next()).answer(unavailable("3600"));
    expect(await agent.retryingCall()).toMatchObject({ call: "acknowledge", delayMs: 25_000 });
    agent.clock.advance(25_000);
    (await server.calls.next()).answer({ kind: "cut" });
    const { delayMs } = await agent.retryingCall();
    agent.clock.advance(delayMs);
    (await server.calls.next()).answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    await agent.stop();
  });

  test("has lost a dispatch whose acknowledgement came too late", async () => {
    const { agent, work, outcome } = await startWork();
    work.finish();
    (await server.calls.next()).answer(attemptOver);
    expect(await outcome).toMatchObject({ kind: "lost", cause: { kind: "attempt-over" } });
    await agent.stop();
  });

  test("lets work finish and acknowledges it although the agent is told to stop", async () => {
    const { agent, work, outcome, dispatch } = await startWork();
    agent.abort();
    agent.clock.advance(20_000);
    await extend(dispatch);
    work.finish();
    (await server.calls.next()).answer(ok);
    expect(await outcome).toEqual({ kind: "acknowledged" });
    await agent.stop();
  });

  test("leaves off when abandoned, and says nothing", async () => {
    const abandon = new AbortController();
    const { agent, work, outcome } = await startWork({}, abandon.signal);
    abandon.abort(new Error("second signal"));
    expect(work.signal?.reason).toMatchObject({ message: "second signal" });
    work.fail(new Error("killed"));
    expect(await outcome).toEqual({ kind: "abandoned" });
    expect(server.calls.pending).toEqual([]);
    await agent.stop();
  });

  test("leaves off when abandoned while the server cannot be told", async () => {
    const abandon = new AbortController();
    const { agent, work, outcome } = await startWork({}, abandon.signal);
    work.finish();
    (await server.calls.next()).answer(unavailable());
    await agent.retryingCall();
    abandon.abort();
    expect(await outcome).toEqual({ kind: "abandoned" });
    await agent.stop();
  });
});

describe("handle", () => {
  const [wire] = leasedWires;
  if (wire === undefined) throw new Error("no wire");

  test("handles one dispatch after the other, whatever becomes of them", async () => {
    const agent = startLeasedAgent({ server, pki, pair }, wire.open);
    const work = new Work();
    const outcomes: string[] = [];
    const handled = handle(agent.source, work.handler, {
      onOutcome: (dispatch, { kind }) => outcomes.push(`${dispatch.rolloutId} ${kind}`),
    });
    const endings: [string, () => void, CallReply][] = [
      ["01", () => work.fail("no space left"), ok],
      ["02", () => work.finish(), attemptOver],
      ["03", () => work.finish(), ok],
    ];
    for (const [ref, end, reply] of endings) {
      (await server.polls.next()).answer(leasedDelivery({ rollout_id: `stable@${ref}` }));
      await work.started.next();
      expect(server.polls.pending).toEqual([]);
      end();
      (await server.calls.next()).answer(reply);
    }
    await server.polls.next();
    expect(outcomes).toEqual(["stable@01 rejected", "stable@02 lost", "stable@03 acknowledged"]);
    expect(server.opened).toBe(1);
    agent.abort();
    await handled;
    await server.connectionsClosed();
    expect(agent.clock.timers).toBe(0);
  });

  test("rejects, and stops, with what onOutcome throws", async () => {
    const agent = startLeasedAgent({ server, pki, pair }, wire.open);
    const onOutcome = () => {
      throw new Error("that was enough");
    };
    const handled = handle(agent.source, () => {}, { onOutcome });
    (await server.polls.next()).answer(leasedDelivery());
    (await server.calls.next()).answer(ok);
    await expect(handled).rejects.toThrow("that was enough");
    await server.connectionsClosed();
    expect(agent.clock.timers).toBe(0);
  });

  test("ends after the dispatch that was abandoned", async () => {
    const agent = startLeasedAgent({ server, pki, pair }, wire.open);
    const work = new Work();
    const abandon = new AbortController();
    const handled = handle(agent.source, work.handler, { abandon: abandon.signal });
    (await server.polls.next()).answer(leasedDelivery());
    await work.started.next();
    abandon.abort();
    work.finish();
    await handled;
    await server.connectionsClosed();
    expect(agent.clock.timers).toBe(0);
  });
});
