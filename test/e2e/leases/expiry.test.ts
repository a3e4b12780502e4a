import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilEvent, untilState } from "../support/history.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

/** The sweep would wake parked polls too, after a while: with this one nothing but the lease's end can. */
const flags = ["--log-level", "debug", "--sweep", "1h"];
const rolloutId = "stable@a1b2c3d4";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

async function agentOf(hostname: string, at = server): Promise<HttpClient> {
  return new HttpClient(at, pki, await pki.agent(hostname));
}

/** Of one attempt to say that it is done: the status. */
async function acknowledge(agent: HttpClient, token: string): Promise<number> {
  return (await agent.post("/v1/agent/dispatch/ack", { rollout_id: rolloutId, lease_token: token })).status;
}

describe("the end of a lease", () => {
  test("wakes a parked poll of its host, not before it and soon after it", async () => {
    const agent = await agentOf("woken");
    await operator.enqueue(wireDispatch("woken"));
    const askedMs = performance.now();
    expect(leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=3"))).attempt).toBe(1);
    const parked = agent.poll("?wait=60&lease_seconds=60");
    await untilParked(server, "woken");
    const { attempt } = leaseOf(mustBeTaken(await parked));
    const waitedMs = performance.now() - askedMs;
    expect(attempt).toBe(2);
    // The lease began after it was asked for.
    expect(waitedMs).toBeGreaterThanOrEqual(3_000);
    // No sweep and no end of its wait has woken it. Looked up once when it came and once when the lease was over: it did not have to look for it.
    expect(parkedSoFar(server, "woken")).toBe(1);
  });

  test("control: acknowledged in time it wakes nobody, while one beside it does", async () => {
    const agent = await agentOf("done");
    await operator.enqueue(wireDispatch("done"), wireDispatch("done", { rollout_id: "second@2" }));
    const done = leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=2")));
    expect(await acknowledge(agent, done.token)).toBe(200);
    mustBeTaken(await agent.poll("?wait=0&lease_seconds=2"));
    const next = mustBeTaken(await agent.poll("?wait=60&lease_seconds=60"));
    expect([next.rollout_id, leaseOf(next).attempt]).toEqual(["second@2", 2]);
    expect((await agent.poll("?wait=0")).status).toBe(204);
  });

  test("wakes the newest of several parked polls, and no poll of another host", async () => {
    const [agent, bystander] = [await agentOf("several"), await agentOf("bystander")];
    await operator.enqueue(wireDispatch("several"));
    mustBeTaken(await agent.poll("?wait=0&lease_seconds=4"));
    const other = bystander.poll("?wait=60");
    const older = agent.poll("?wait=60&lease_seconds=60");
    await untilParked(server, "several");
    const newer = agent.poll("?wait=60&lease_seconds=60");
    await Promise.all([untilParked(server, "several", 2), untilParked(server, "bystander")]);
    expect(mustBeTaken(await newer).rollout_id).toBe(rolloutId);
    await operator.enqueue(wireDispatch("several", { rollout_id: "next@2" }), wireDispatch("bystander"));
    expect(mustBeTaken(await older).rollout_id).toBe("next@2");
    expect(mustBeTaken(await other).hostname).toBe("bystander");
    expect(parkedSoFar(server, "bystander")).toBe(1);
  });
});

describe.each(["SIGTERM", "SIGKILL"] as const)("a lease over a restart after %s", (signal) => {
  test("is still the agent's: hidden, and to be acknowledged; one that ends is handed out again", async () => {
    const db = `${pki.folder}/${signal}.db`;
    const first = await TestServer.start(pki, { db, flags });
    const planner = new HttpClient(first, pki, pki.operator);
    const long = wireDispatch("kept");
    const short = wireDispatch("kept", { rollout_id: "short@2" });
    await planner.enqueue(long, short);
    const before = await agentOf("kept", first);
    const { token } = leaseOf(mustBeTaken(await before.poll("?wait=0&lease_seconds=600")));
    mustBeTaken(await before.poll("?wait=0&lease_seconds=1"));
    first.kill(signal);
    await first.exited();

    const second = await TestServer.start(pki, { db, flags });
    const agent = await agentOf("kept", second);
    const again = mustBeTaken(await agent.poll("?wait=60&lease_seconds=60"));
    expect([again.rollout_id, leaseOf(again).attempt]).toEqual(["short@2", 2]);
    expect((await agent.poll("?wait=0")).status).toBe(204);
    expect(await acknowledge(agent, token)).toBe(200);
    const reader = new HttpClient(second, pki, pki.operator);
    expect((await historyOf(reader, "kept", rolloutId)).state).toBe("acknowledged");
    expect((await kindsOf(reader, "kept", "short@2")).filter((kind) => kind === "lease_expired")).toHaveLength(1);
    await second.stop();
  });
});

describe("max_attempts", () => {
  test("a dispatch that was handed out so often, and never acknowledged, is dead until it is enqueued again", async () => {
    const agent = await agentOf("unlucky");
    await operator.enqueue(wireDispatch("unlucky", { max_attempts: 2 }), wireDispatch("lucky", { max_attempts: 2 }));
    for (const attempt of [1, 2]) {
      expect(leaseOf(mustBeTaken(await agent.poll("?wait=60&lease_seconds=1"))).attempt).toBe(attempt);
    }
    const last = agent.poll("?wait=60&lease_seconds=60");
    await untilState(operator, "unlucky", rolloutId, "dead");
    await operator.enqueue(wireDispatch("unlucky", { rollout_id: "other@2" }));
    // Had the dead one been handed out again, it would have come first.
    expect(mustBeTaken(await last).rollout_id).toBe("other@2");
    const { events } = await historyOf(operator, "unlucky", rolloutId);
    expect(events.at(-1)).toMatchObject({ kind: "dead", attempt: 2, actor: "server" });

    await operator.enqueue(wireDispatch("unlucky"));
    expect(leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=60"))).attempt).toBe(1);
  });

  test("control: acknowledged at its last attempt it is done, not dead", async () => {
    const agent = await agentOf("lucky");
    mustBeTaken(await agent.poll("?wait=60&lease_seconds=1"));
    const { token, attempt } = leaseOf(mustBeTaken(await agent.poll("?wait=60&lease_seconds=60")));
    expect([attempt, await acknowledge(agent, token)]).toEqual([2, 200]);
    await untilEvent(operator, "lucky", rolloutId, "acknowledged");
    expect((await historyOf(operator, "lucky", rolloutId)).state).toBe("acknowledged");
  });
});
