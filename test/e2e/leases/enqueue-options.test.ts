import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, type Reply, type WireDispatch, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilState } from "../support/history.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  // The sweep would find what begins while a poll is parked, too.
  server = await TestServer.start(pki, { flags: ["--log-level", "debug", "--sweep", "1h"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

async function agentOf(hostname: string): Promise<HttpClient> {
  return new HttpClient(server, pki, await pki.agent(hostname));
}

/** What became of each item: `CREATED`, `REPLACED 0`, and how many each superseded. */
function resultsIn({ status, body }: Reply): string[] {
  if (status !== 200) throw new Error(`${status}: ${body}`);
  const results: { outcome: string; superseded: number }[] = JSON.parse(body).results;
  return results.map(({ outcome, superseded }) => `${outcome.slice("ENQUEUE_OUTCOME_".length)} ${superseded}`);
}

function supersede(...dispatches: WireDispatch[]): Promise<Reply> {
  return operator.post("/v1/dispatches", { dispatches, supersede: true });
}

/** Takes everything that waits for the host now. */
async function takeAll(agent: HttpClient): Promise<string[]> {
  const rolloutIds: string[] = [];
  for (let reply = await agent.poll("?wait=0"); reply.status === 200; reply = await agent.poll("?wait=0")) {
    rolloutIds.push(mustBeTaken(reply).rollout_id);
  }
  return rolloutIds;
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

describe("supersede", () => {
  const weekOf = (hostname: string) =>
    ["stable@1", "stable@2", "stable@3", "edge@1"].map((rollout_id) => wireDispatch(hostname, { rollout_id }));

  test("a host that was away gets the newest of a channel alone, and other channels as they are", async () => {
    const agent = await agentOf("away");
    await operator.enqueue(...weekOf("away"), ...weekOf("away-too"));
    expect(resultsIn(await supersede(wireDispatch("away", { rollout_id: "stable@4" })))).toEqual(["CREATED 3"]);
    expect(await takeAll(agent)).toEqual(["edge@1", "stable@4"]);
    expect((await historyOf(operator, "away", "stable@2")).events.at(-1)).toMatchObject({
      kind: "superseded",
      actor: "operator-test",
      detail: "by stable@4",
    });
    // Another host's are not touched.
    expect(await takeAll(await agentOf("away-too"))).toEqual(["stable@1", "stable@2", "stable@3", "edge@1"]);
  });

  test("control: without it, the host steps through all of them", async () => {
    await operator.enqueue(...weekOf("stepping"));
    expect(resultsIn(await operator.enqueue(wireDispatch("stepping", { rollout_id: "stable@4" })))).toEqual([
      "CREATED 0",
    ]);
    expect(await takeAll(await agentOf("stepping"))).toEqual([
      "stable@1",
      "stable@2",
      "stable@3",
      "edge@1",
      "stable@4",
    ]);
  });

  test("leaves alone what an agent is at, and what is over", async () => {
    const agent = await agentOf("busy");
    await operator.enqueue(...weekOf("busy").slice(0, 2));
    const { token } = leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=60")));
    mustBeTaken(await agent.poll("?wait=0"));
    expect(resultsIn(await supersede(wireDispatch("busy", { rollout_id: "stable@9" })))).toEqual(["CREATED 0"]);
    const said = await agent.post("/v1/agent/dispatch/ack", { rollout_id: "stable@1", lease_token: token });
    expect(said.status).toBe(200);
    expect(await takeAll(agent)).toEqual(["stable@9"]);
  });
});

describe("not_before", () => {
  test("a dispatch waits for its time, then wakes the parked poll; what comes behind it does not wait", async () => {
    const agent = await agentOf("patient");
    const notBefore = inMs(2_500);
    await operator.enqueue(
      wireDispatch("patient", { not_before: notBefore }),
      wireDispatch("patient", { rollout_id: "now@2" }),
    );
    expect(await takeAll(agent)).toEqual(["now@2"]);
    const parked = agent.poll("?wait=60");
    await untilParked(server, "patient");
    expect(mustBeTaken(await parked).rollout_id).toBe("stable@a1b2c3d4");
    // The same machine's wall clock as the server's.
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(notBefore));
    expect(Date.now()).toBeLessThan(Date.parse(notBefore) + 10_000);
  });

  test("control: one that has passed holds nothing up", async () => {
    await operator.enqueue(wireDispatch("prompt", { not_before: inMs(-1_000) }));
    expect(await takeAll(await agentOf("prompt"))).toEqual(["stable@a1b2c3d4"]);
  });
});

describe("not_after", () => {
  test("a dispatch that still waits then is expired, and handed out no more", async () => {
    await operator.enqueue(
      wireDispatch("late", { not_after: inMs(1_000) }),
      wireDispatch("late", { rollout_id: "b@2" }),
    );
    await untilState(operator, "late", "stable@a1b2c3d4", "expired");
    expect(await kindsOf(operator, "late", "stable@a1b2c3d4")).toEqual(["enqueued", "expired"]);
    expect(await takeAll(await agentOf("late"))).toEqual(["b@2"]);
  });

  test("control: one that is taken before is delivered, and stays so", async () => {
    const agent = await agentOf("early");
    const notAfter = inMs(2_000);
    await operator.enqueue(wireDispatch("early", { not_after: notAfter, rollout_id: "taken@1" }));
    expect(await takeAll(agent)).toEqual(["taken@1"]);
    await operator.enqueue(wireDispatch("early", { not_after: inMs(1_500), rollout_id: "missed@2" }));
    await untilState(operator, "early", "missed@2", "expired");
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(notAfter));
    expect((await historyOf(operator, "early", "taken@1")).state).toBe("delivered");
  });

  test("has to be later than not_before", async () => {
    const at = inMs(60_000);
    const reply = await operator.enqueue(wireDispatch("odd", { not_before: at, not_after: at }));
    expect([reply.status, JSON.parse(reply.body).message]).toEqual([
      400,
      "dispatches[0].not_after: must be later than not_before",
    ]);
  });
});

describe("an enqueue of what an agent is at", () => {
  test("with the same closure keeps the lease and moves only the soak", async () => {
    const agent = await agentOf("kept");
    await operator.enqueue(wireDispatch("kept"));
    const { token } = leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=60")));
    const soak_due_at = "2026-05-16T09:00:00.123456Z";
    expect(resultsIn(await operator.enqueue(wireDispatch("kept", { soak_due_at })))).toEqual(["KEPT 0"]);
    expect((await agent.poll("?wait=0")).status).toBe(204);
    const { body } = await operator.ask("/v1/dispatches/kept/stable@a1b2c3d4");
    expect(JSON.parse(body).dispatch).toMatchObject({ soak_due_at, state: "DISPATCH_STATE_LEASED", attempt: 1 });
    const said = { rollout_id: "stable@a1b2c3d4", lease_token: token };
    expect((await agent.post("/v1/agent/dispatch/ack", said)).status).toBe(200);
  });

  test("with another closure takes the lease away, and is handed out at once", async () => {
    const agent = await agentOf("replaced");
    await operator.enqueue(wireDispatch("replaced"));
    const { token } = leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=60")));
    const newer = wireDispatch("replaced", { target_closure: "/nix/store/newer" });
    expect(resultsIn(await operator.enqueue(newer))).toEqual(["REPLACED 0"]);
    const said = { rollout_id: "stable@a1b2c3d4", lease_token: token };
    expect((await agent.post("/v1/agent/dispatch/ack", said)).status).toBe(400);
    const taken = mustBeTaken(await agent.poll("?wait=0&lease_seconds=60"));
    expect([taken.target_closure, leaseOf(taken).attempt]).toEqual(["/nix/store/newer", 1]);
    expect(await kindsOf(operator, "replaced", "stable@a1b2c3d4")).toContain("replaced");
  });
});
