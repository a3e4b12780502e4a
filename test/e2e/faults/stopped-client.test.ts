import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilEvent, untilState } from "../support/history.js";
import { mustBeTaken } from "../support/lease.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { AgentProcess, type AgentProcessOptions } from "./agent-process.js";
import { confirmingFlags, expectRedelivered, patientFlags, rolloutId, waysToTake } from "./confirming.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
let hosts = 0;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: confirmingFlags });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

function newHost(): string {
  hosts += 1;
  return `web-${hosts}`;
}

async function parkedAgent(hostname: string, how: Partial<AgentProcessOptions>, at = server): Promise<AgentProcess> {
  const agent = await AgentProcess.start(pki, { hostname, port: at.port, ...how });
  await untilParked(at, hostname);
  return agent;
}

/** A healthy agent of the same host, whose one poll gets what there is. */
async function takeHealthy(hostname: string, query = "?wait=60", at = server): Promise<number> {
  return (await new HttpClient(at, pki, await pki.agent(hostname)).poll(query)).status;
}

describe.concurrent.each(waysToTake)("an agent that is stopped before the answer, $way", ({ query, http2 }) => {
  test("and killed: redelivered, never marked confirmed", async () => {
    const hostname = newHost();
    const agent = await parkedAgent(hostname, { query, http2 });
    await agent.stop();
    await operator.enqueue(wireDispatch(hostname));
    // The kernel has taken the answer for it: as far as the server can see, all is well.
    await untilEvent(operator, hostname, rolloutId, "flushed");
    expect((await historyOf(operator, hostname, rolloutId)).state).toBe("leased");
    await agent.kill();
    expect(await takeHealthy(hostname)).toBe(200);
    await expectRedelivered(operator, hostname);
  });

  test("and goes on too late: its word for the first attempt does not count for the second", async () => {
    const hostname = newHost();
    const agent = await parkedAgent(hostname, { query, http2, polls: 2 });
    await agent.stop();
    await operator.enqueue(wireDispatch(hostname));
    await untilEvent(operator, hostname, rolloutId, "flushed");
    expect(await takeHealthy(hostname, "?wait=60&lease_seconds=60")).toBe(200);
    const late = agent.answer();
    const before = parkedSoFar(server, hostname);
    agent.resume();
    // It reads the old answer and polls again on the same connection, which would be proof were it not for the attempt.
    expect((await late).status).toBe(200);
    await untilParked(server, hostname, before + 1);
    await expectRedelivered(operator, hostname);
    await agent.kill();
  });
});

describe.concurrent.each(waysToTake.filter(({ http2 }) => !http2))(
  "an agent that is stopped after it has read the answer, $way",
  ({ query }) => {
    test("and killed: redelivered, never marked confirmed", async () => {
      const hostname = newHost();
      const agent = await parkedAgent(hostname, { query });
      const answer = agent.answer();
      await operator.enqueue(wireDispatch(hostname));
      expect((await answer).status).toBe(200);
      await agent.stop();
      await untilEvent(operator, hostname, rolloutId, "flushed");
      await agent.kill();
      expect(await takeHealthy(hostname)).toBe(200);
      await expectRedelivered(operator, hostname);
    });
  },
);

describe.concurrent("control", () => {
  test.each([
    { version: "HTTP/1.1", http2: false },
    { version: "HTTP/2", http2: true },
  ])("an agent that is not stopped is confirmed, and gets it once, over $version", async ({ http2 }) => {
    const patient = await TestServer.start(pki, { flags: patientFlags });
    const planner = new HttpClient(patient, pki, pki.operator);
    const hostname = newHost();
    const agent = await parkedAgent(hostname, { http2, polls: 2 }, patient);
    const answer = agent.answer();
    await planner.enqueue(wireDispatch(hostname));
    expect((await answer).status).toBe(200);
    await untilState(planner, hostname, rolloutId, "delivered");
    expect(await kindsOf(planner, hostname, rolloutId)).toContain("confirmed");
    await agent.kill();
    expect(await takeHealthy(hostname, "?wait=0", patient)).toBe(204);
    await patient.stop();
  });

  test("with --delivery once the dispatch of a stopped agent is gone: that is what the others are for", async () => {
    const once = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
    const planner = new HttpClient(once, pki, pki.operator);
    const agent = await parkedAgent("original", {}, once);
    await agent.stop();
    await planner.enqueue(wireDispatch("original"));
    await untilEvent(planner, "original", rolloutId, "flushed");
    await agent.kill();
    expect(await takeHealthy("original", "?wait=3", once)).toBe(204);
    expect((await historyOf(planner, "original", rolloutId)).state).toBe("delivered");
    // The planner says it again, as planners do.
    await planner.enqueue(wireDispatch("original"));
    const again = new HttpClient(once, pki, await pki.agent("original"));
    expect(mustBeTaken(await again.poll("?wait=0")).rollout_id).toBe(rolloutId);
    await once.stop();
  });
});
