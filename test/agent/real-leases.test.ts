import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AgentEvent, handleOne, type LeasedAgentOptions, type LeasedDispatch } from "../../src/agent/index.js";
import type { RunningServer } from "../../src/app.js";
import { createTestPki, type Pair, type TestPki } from "./certificates.js";
import { startCuttingProxy } from "./cutting-proxy.js";
import { FakeClock } from "./fake-clock.js";
import { Happenings } from "./happenings.js";
import { Overseer, ServerClock, startRealServer } from "./real-server.js";
import { leasedWires } from "./running.js";

let pki: TestPki;
let pair: Pair;
let operator: Pair;
let folder: string;
let serverClock: ServerClock;
let server: RunningServer;
let overseer: Overseer;
let stopping: AbortController;

beforeAll(async () => {
  pki = await createTestPki();
  pair = await pki.agent("web-01");
  operator = await pki.operator("operator-ada");
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-real-leases-"));
  serverClock = new ServerClock();
  stopping = new AbortController();
  server = await startRealServer(pki, join(folder, "dispatch.db"), 0, { clock: serverClock });
  overseer = new Overseer(server, pki, operator);
});
afterEach(async () => {
  stopping.abort();
  await server.close();
  await rm(folder, { recursive: true });
});

const rolloutId = "stable@a1b2c3d4";

async function enqueue() {
  const targetClosure = "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05";
  await server.enqueue?.([{ hostname: "web-01", rolloutId, targetClosure, soakDueAt: new Date() }]);
}

const look = () => overseer.look("web-01", rolloutId);

async function restart() {
  const { port } = server;
  await server.close();
  return async () => {
    server = await startRealServer(pki, join(folder, "dispatch.db"), port, { clock: serverClock });
  };
}

describe.each(leasedWires)("$name under a lease of the project's server", ({ open, isHttp2 }) => {
  /** With its own clock in the test's hand. */
  function startAgent(options: Partial<LeasedAgentOptions> = {}) {
    const clock = new FakeClock();
    const events = new Happenings<AgentEvent>();
    const iterator = open({
      server: `https://127.0.0.1:${server.port}`,
      ca: pki.ca,
      ...pair,
      hostname: "web-01",
      leaseSeconds: 60,
      signal: stopping.signal,
      clock,
      random: () => 0.5,
      onEvent: (event) => events.push(event),
      ...options,
    })[Symbol.asyncIterator]();
    const take = async (): Promise<LeasedDispatch> => {
      const { value } = await iterator.next();
      if (value === undefined) throw new Error("the iteration has ended");
      return value;
    };
    return { clock, events, iterator, take };
  }

  test("what succeeds is acknowledged", async () => {
    await enqueue();
    const dispatch = await startAgent().take();
    expect(dispatch.lease.attempt).toBe(1);
    expect(await look()).toMatchObject({ state: "LEASED", attempt: 1 });
    expect(await handleOne(dispatch, () => {})).toEqual({ kind: "acknowledged" });
    expect(await look()).toMatchObject({ state: "ACKNOWLEDGED", attempt: 1 });
  });

  test("what fails is rejected, with the reason, however long that is", async () => {
    await enqueue();
    const dispatch = await startAgent().take();
    const failing = () => {
      throw new Error(`building\n${"ä".repeat(5_000)}`);
    };
    expect(await handleOne(dispatch, failing)).toMatchObject({ kind: "rejected" });
    expect(await look()).toMatchObject({ state: "REJECTED", reason: "ä".repeat(512) });
  });

  test("an extended lease outlasts its first end, by the server's clock; an unextended one does not", async () => {
    await enqueue();
    const dispatch = await startAgent().take();
    const firstEnd = dispatch.lease.expiresAt;
    serverClock.putForward(40_000);
    expect((await dispatch.extend()).attempt).toBe(1);
    expect(Date.parse(dispatch.lease.expiresAt)).toBeGreaterThanOrEqual(Date.parse(firstEnd) + 40_000);
    serverClock.putForward(40_000);
    await dispatch.acknowledge();
    expect(await look()).toMatchObject({ state: "ACKNOWLEDGED" });
    await enqueue();
    const unextended = await startAgent().take();
    serverClock.putForward(80_000);
    await expect(unextended.acknowledge()).rejects.toMatchObject({ kind: "attempt-over" });
  });

  test("what is said twice is taken twice; what is said against it is not", async () => {
    await enqueue();
    const dispatch = await startAgent().take();
    await dispatch.acknowledge();
    await dispatch.acknowledge();
    await expect(dispatch.reject("no")).rejects.toMatchObject({ kind: "attempt-over", code: "failed_precondition" });
    await expect(dispatch.extend()).rejects.toMatchObject({ kind: "attempt-over" });
    // When the answer's flush is noted is another matter.
    const events = (await look()).events.filter((kind) => kind !== "FLUSHED");
    expect(events).toEqual(["ENQUEUED", "LEASED", "ACKNOWLEDGED"]);
  });

  test("of an agent that has gone, the dispatch comes again when its lease has run out", async () => {
    await enqueue();
    const gone = startAgent();
    const first = await gone.take();
    await gone.iterator.return?.();
    const early = startAgent({ waitSeconds: 0 });
    void early.iterator.next();
    expect(await early.events.next()).toMatchObject({ type: "polled-empty" });
    serverClock.putForward(60_000);
    const second = await startAgent().take();
    expect(second).toMatchObject({ rolloutId, lease: { attempt: 2 } });
    expect(second.lease.token).not.toBe(first.lease.token);
    // The one that was gone comes back too late.
    await expect(first.acknowledge()).rejects.toMatchObject({ kind: "attempt-over" });
    await second.acknowledge();
    expect(await look()).toMatchObject({ state: "ACKNOWLEDGED", attempt: 2 });
  });

  test("a parked poll gets it in the moment that the lease runs out", async () => {
    await enqueue();
    const gone = startAgent({ leaseSeconds: 1 });
    await gone.take();
    await gone.iterator.return?.();
    expect((await startAgent().take()).lease.attempt).toBe(2);
  });

  test("work goes on over a restart of the server, and is acknowledged", async () => {
    await enqueue();
    const { take, clock, events } = startAgent();
    const dispatch = await take();
    let finish = () => {};
    let signal: AbortSignal | undefined;
    const outcome = handleOne(dispatch, (_, given) => {
      signal = given;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    const start = await restart();
    clock.advance(20_000);
    const failed = await events.next();
    expect(failed).toMatchObject({ type: "retrying-call", call: "extend", cause: { kind: "network" } });
    const firstEnd = dispatch.lease.expiresAt;
    serverClock.putForward(50_000);
    await start();
    clock.advance("delayMs" in failed ? failed.delayMs : 0);
    await expect.poll(() => dispatch.lease.expiresAt).not.toBe(firstEnd);
    serverClock.putForward(50_000);
    expect(signal?.aborted).toBe(false);
    finish();
    expect(await outcome).toEqual({ kind: "acknowledged" });
    expect(await look()).toMatchObject({ state: "ACKNOWLEDGED", attempt: 1 });
  });

  test("work is told when its dispatch has gone to another attempt", async () => {
    await enqueue();
    const { take, clock } = startAgent();
    const dispatch = await take();
    const outcome = handleOne(
      dispatch,
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    serverClock.putForward(61_000);
    const second = await startAgent().take();
    clock.advance(20_000);
    expect(await outcome).toMatchObject({ kind: "lost", cause: { kind: "attempt-over" } });
    await second.acknowledge();
    expect(await look()).toMatchObject({ state: "ACKNOWLEDGED", attempt: 2 });
  });

  // The server's own frames on HTTP/2 would be lost in the place of the answer.
  if (!isHttp2)
    test("an acknowledgement whose answer got lost is repeated, and counts once", async () => {
      const proxy = await startCuttingProxy(server.port);
      try {
        await enqueue();
        const { take, clock, events } = startAgent({ server: proxy.url });
        const dispatch = await take();
        proxy.loseNextAnswer();
        const acknowledged = dispatch.acknowledge();
        const retrying = await events.next();
        expect(retrying).toMatchObject({ type: "retrying-call", call: "acknowledge", cause: { kind: "network" } });
        expect((await look()).state).toBe("ACKNOWLEDGED");
        clock.advance("delayMs" in retrying ? retrying.delayMs : 0);
        await acknowledged;
        expect((await look()).events.filter((kind) => kind === "ACKNOWLEDGED")).toHaveLength(1);
      } finally {
        await proxy.close();
      }
    });
});
