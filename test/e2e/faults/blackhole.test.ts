import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilEvent, untilState } from "../support/history.js";
import { mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { AgentProcess } from "./agent-process.js";
import { confirmingFlags, expectRedelivered, patientFlags, rolloutId, waysToTake } from "./confirming.js";
import { TcpProxy } from "./proxy.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: confirmingFlags });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

interface Behind {
  readonly hostname: string;
  readonly query: string;
  readonly http2: boolean;
  readonly polls?: number;
}

/** An agent whose poll is parked, by way of a proxy of its own. */
async function agentBehindProxy(
  agent: Behind,
  to = server,
): Promise<{ readonly agent: AgentProcess; readonly proxy: TcpProxy }> {
  const proxy = await TcpProxy.start(to);
  const running = await AgentProcess.start(pki, { ...agent, port: proxy.port });
  await untilParked(to, agent.hostname);
  return { agent: running, proxy };
}

async function takeDirectly(hostname: string, query = "?wait=60", at = server): Promise<number> {
  return (await new HttpClient(at, pki, await pki.agent(hostname)).poll(query)).status;
}

describe.concurrent.each(waysToTake.map((way, i) => ({ ...way, i })))(
  "a proxy that swallows everything, $way",
  ({ query, http2, i }) => {
    test("from before the answer on: redelivered, never marked confirmed", async () => {
      const hostname = `swallowed-${i}`;
      const { agent, proxy } = await agentBehindProxy({ hostname, query, http2 });
      proxy.swallow();
      await operator.enqueue(wireDispatch(hostname));
      await untilEvent(operator, hostname, rolloutId, "flushed");
      expect((await historyOf(operator, hostname, rolloutId)).state).toBe("leased");
      expect(await takeDirectly(hostname)).toBe(200);
      await expectRedelivered(operator, hostname);
      await agent.kill();
    });

    test("on the way up only, so that the answer arrives and no proof of it does: redelivered", async () => {
      const hostname = `mute-${i}`;
      const { agent, proxy } = await agentBehindProxy({ hostname, query, http2, polls: 2 });
      proxy.swallow("up");
      const answer = agent.answer();
      await operator.enqueue(wireDispatch(hostname));
      const { status, body } = await answer;
      expect([status, JSON.parse(body).hostname]).toEqual([200, hostname]);
      expect(await takeDirectly(hostname)).toBe(200);
      await expectRedelivered(operator, hostname);
      await agent.kill();
    });
  },
);

describe.concurrent.each([
  { version: "HTTP/1.1", http2: false },
  { version: "HTTP/2", http2: true },
])("control: a proxy that lets everything through, $version", ({ version, http2 }) => {
  test("the dispatch arrives, is confirmed, and comes once", async () => {
    const hostname = `through-${http2 ? 2 : 1}`;
    const patient = await TestServer.start(pki, { flags: patientFlags });
    const planner = new HttpClient(patient, pki, pki.operator);
    const { agent } = await agentBehindProxy({ hostname, query: "?wait=60", http2, polls: 2 }, patient);
    const answer = agent.answer();
    await planner.enqueue(wireDispatch(hostname));
    expect((await answer).status, version).toBe(200);
    await untilState(planner, hostname, rolloutId, "delivered");
    expect(await kindsOf(planner, hostname, rolloutId)).toContain("confirmed");
    await agent.kill();
    expect(await takeDirectly(hostname, "?wait=0", patient)).toBe(204);
    await patient.stop();
  });
});

test("control: with --delivery once the dispatch is swallowed for good", async () => {
  const once = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  const planner = new HttpClient(once, pki, pki.operator);
  const proxy = await TcpProxy.start(once);
  const agent = await AgentProcess.start(pki, { hostname: "original", port: proxy.port });
  await untilParked(once, "original");
  proxy.swallow();
  await planner.enqueue(wireDispatch("original"), wireDispatch("original", { rollout_id: "next@2" }));
  await untilEvent(planner, "original", rolloutId, "flushed");
  const next = await new HttpClient(once, pki, await pki.agent("original")).poll("?wait=3");
  expect(mustBeTaken(next).rollout_id).toBe("next@2");
  expect((await historyOf(planner, "original", rolloutId)).state).toBe("delivered");
  await agent.kill();
  await once.stop();
});
