import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, untilState } from "../support/history.js";
import { type Attempt, grpcCalls, httpCalls, type LeaseCalls, leaseOf, mustBeTaken } from "../support/lease.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let hosts = 0;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki);
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

const rolloutId = "stable@a1b2c3d4";
const attemptOver = "400 failed_precondition";

interface Agent {
  readonly hostname: string;
  readonly http: HttpClient;
  readonly calls: LeaseCalls;
}

/** A host of its own, with one dispatch that waits, and its agent. */
async function agentWithDispatch(wire: string): Promise<Agent> {
  hosts += 1;
  const hostname = `web-${hosts}`;
  const identity = await pki.agent(hostname);
  const http = new HttpClient(server, pki, identity);
  await operator.enqueue(wireDispatch(hostname));
  return { hostname, http, calls: wire === "gRPC" ? grpcCalls(server, pki, identity) : httpCalls(http) };
}

async function mustTake({ calls }: Agent, leaseSeconds: number, waitSeconds = 0): Promise<Attempt> {
  const taken = await calls.take(leaseSeconds, waitSeconds);
  if (typeof taken === "string") throw new Error(taken);
  return taken;
}

describe("over plain HTTP", () => {
  test("a take under a lease has the five fields and the lease, a plain take the five alone", async () => {
    const five = ["enqueued_at", "hostname", "rollout_id", "soak_due_at", "target_closure"];
    const { http } = await agentWithDispatch("plain HTTP");
    const leased = mustBeTaken(await http.poll("?wait=0&lease_seconds=60"));
    expect(Object.keys(leased).sort()).toEqual([...five, "lease"].sort());
    expect(Object.keys(leaseOf(leased)).sort()).toEqual(["attempt", "expires_at", "token"]);
    expect(leaseOf(leased)).toMatchObject({ attempt: 1, token: expect.stringMatching(/^[\w-]{22}$/) });
    expect(leaseOf(leased).expires_at).toMatch(/Z$/);
    const plain = await agentWithDispatch("plain HTTP");
    expect(Object.keys(mustBeTaken(await plain.http.poll("?wait=0"))).sort()).toEqual(five);
  });

  test("the answer to a late acknowledgement is a 400 with its code and a message in the body", async () => {
    const agent = await agentWithDispatch("plain HTTP");
    const { token } = await mustTake(agent, 1);
    await untilState(operator, agent.hostname, rolloutId, "pending");
    const reply = await agent.http.post("/v1/agent/dispatch/ack", { rollout_id: rolloutId, lease_token: token });
    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body)).toEqual({ code: "failed_precondition", message: expect.stringMatching(/over|out/) });
    expect(reply.headers["content-type"]).toBe("application/json");
  });
});

describe.each(["plain HTTP", "gRPC"])("a dispatch under a lease, over %s", (wire) => {
  test("is acknowledged, as often as that is said, and handed out no more", async () => {
    const agent = await agentWithDispatch(wire);
    const { token, attempt } = await mustTake(agent, 60);
    expect(attempt).toBe(1);
    expect(await agent.calls.take(60, 0)).toBe("nothing");
    for (let i = 0; i < 3; i += 1) expect(await agent.calls.acknowledge(rolloutId, token)).toBe("ok");
    expect(await agent.calls.take(60, 0)).toBe("nothing");
    const { state, events } = await historyOf(operator, agent.hostname, rolloutId);
    expect([state, events.filter(({ kind }) => kind === "acknowledged").length]).toEqual(["acknowledged", 1]);
  });

  test("comes back with its next attempt when the lease runs out, and the first attempt's word counts no more", async () => {
    const agent = await agentWithDispatch(wire);
    const first = await mustTake(agent, 1);
    const second = await mustTake(agent, 60, 60);
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    expect(second.token).not.toBe(first.token);
    expect(await agent.calls.acknowledge(rolloutId, first.token)).toBe(attemptOver);
    expect(await agent.calls.reject(rolloutId, first.token, "too late")).toBe(attemptOver);
    expect(await agent.calls.extend(rolloutId, first.token, 60)).toBe(attemptOver);
    // None of that has touched the attempt that goes on.
    expect(await agent.calls.acknowledge(rolloutId, second.token)).toBe("ok");
    expect(await agent.calls.acknowledge(rolloutId, first.token)).toBe(attemptOver);
  });

  test("is not acknowledged once the lease has run out, though nobody has taken it since", async () => {
    const agent = await agentWithDispatch(wire);
    const { token } = await mustTake(agent, 1);
    await untilState(operator, agent.hostname, rolloutId, "pending");
    expect(await agent.calls.acknowledge(rolloutId, token)).toBe(attemptOver);
    expect((await historyOf(operator, agent.hostname, rolloutId)).state).toBe("pending");
  });

  test("is rejected with a reason that the operator can read, and handed out no more", async () => {
    const agent = await agentWithDispatch(wire);
    const { token } = await mustTake(agent, 60);
    const reason = `no space left on /nix: ${"ü".repeat(500)}`;
    expect(await agent.calls.reject(rolloutId, token, reason)).toBe("ok");
    expect(await agent.calls.reject(rolloutId, token, "again")).toBe("ok");
    expect(await historyOf(operator, agent.hostname, rolloutId)).toMatchObject({ state: "rejected", reason });
    expect(await agent.calls.acknowledge(rolloutId, token)).toBe(attemptOver);
    expect(await agent.calls.take(60, 0)).toBe("nothing");
  });

  test("outlives its first lease when that is extended; control: another one beside it does not", async () => {
    const agent = await agentWithDispatch(wire);
    await operator.enqueue(wireDispatch(agent.hostname, { rollout_id: "control@1" }));
    const extended = await mustTake(agent, 2);
    expect(await agent.calls.extend(rolloutId, extended.token, 60)).toEqual(extended);
    const control = await mustTake(agent, 2);
    // The control's lease began later: when it is back, the other's first lease is long over.
    expect(await mustTake(agent, 60, 60)).toMatchObject({ rolloutId: control.rolloutId, attempt: 2 });
    expect(await agent.calls.take(60, 0)).toBe("nothing");
    expect(await agent.calls.acknowledge(rolloutId, extended.token)).toBe("ok");
  });

  test("is nobody else's: a wrong token, an unknown rollout and another host's agent are told apart", async () => {
    const agent = await agentWithDispatch(wire);
    const { token } = await mustTake(agent, 60);
    expect(await agent.calls.acknowledge(rolloutId, "AAAAAAAAAAAAAAAAAAAAAA")).toBe(attemptOver);
    expect(await agent.calls.acknowledge(rolloutId, "")).toBe(attemptOver);
    expect(await agent.calls.acknowledge("stable@ffff", token)).toBe("404 not_found");
    const other = await agentWithDispatch(wire);
    // Its own dispatch of the same rollout has not been taken yet.
    expect(await other.calls.acknowledge(rolloutId, token)).toBe(attemptOver);
    expect(await agent.calls.acknowledge(rolloutId, token)).toBe("ok");
  });

  test("limits: a lease of 0 or 3,601 s, a malformed token, a reason over 1 KiB", async () => {
    const agent = await agentWithDispatch(wire);
    for (const seconds of [0, 3_601]) expect(await agent.calls.take(seconds, 0)).toBe("400 invalid_argument");
    const { token } = await mustTake(agent, 3_600);
    for (const seconds of [0, 3_601]) {
      expect(await agent.calls.extend(rolloutId, token, seconds)).toBe("400 invalid_argument");
    }
    expect(await agent.calls.acknowledge(rolloutId, "short")).toBe("400 invalid_argument");
    expect(await agent.calls.reject(rolloutId, token, "x".repeat(1_025))).toBe("400 invalid_argument");
    expect(await agent.calls.reject(rolloutId, token, "x".repeat(1_024))).toBe("ok");
  });
});
