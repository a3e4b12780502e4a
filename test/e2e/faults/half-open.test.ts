import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilEvent, untilState } from "../support/history.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { AgentProcess, type AgentProcessOptions } from "./agent-process.js";
import { confirmingFlags, expectRedelivered, rolloutId, waysToTake } from "./confirming.js";
import { NetworkNamespace, whyNoNamespace } from "./network-namespace.js";

const whyNot = whyNoNamespace();
if (whyNot !== undefined) console.warn(`no network namespaces here (${whyNot}): half-open links were not tested`);

describe.runIf(whyNot === undefined)("a link that goes down under a parked poll, half-open", () => {
  let pki: TestPki;
  let server: TestServer;
  let operator: HttpClient;
  let namespace: NetworkNamespace;

  beforeAll(async () => {
    pki = await TestPki.create();
    namespace = NetworkNamespace.create();
    // The agent comes by the link, the others by the loopback.
    server = await TestServer.start(pki, { flags: [...confirmingFlags, "--listen", "0.0.0.0:0"] });
    operator = new HttpClient(server, pki, pki.operator);
  });
  afterAll(async () => {
    await server.stop();
    pki.remove();
  });

  async function distantAgent(hostname: string, how: Partial<AgentProcessOptions>): Promise<AgentProcess> {
    const { prefix, serverAddress: address } = namespace;
    const agent = await AgentProcess.start(pki, { hostname, port: server.port, address, prefix, ...how });
    await untilParked(server, hostname);
    return agent;
  }

  async function takeNearby(hostname: string, query = "?wait=60"): Promise<number> {
    return (await new HttpClient(server, pki, await pki.agent(hostname)).poll(query)).status;
  }

  test.each(waysToTake.map((way, i) => ({ ...way, hostname: `cut-off-${i}` })))(
    "the dispatch is redelivered by another way, and never marked confirmed, $way",
    async ({ hostname, query, http2 }) => {
      const agent = await distantAgent(hostname, { query, http2 });
      namespace.cutLink();
      await operator.enqueue(wireDispatch(hostname));
      // Written into a connection that looks as it did: nobody has said goodbye.
      await untilEvent(operator, hostname, rolloutId, "flushed");
      expect((await historyOf(operator, hostname, rolloutId)).state).toBe("leased");
      expect(await takeNearby(hostname)).toBe(200);
      await expectRedelivered(operator, hostname);
      await agent.kill();
      namespace.mendLink();
    },
  );

  test.each([
    { version: "HTTP/1.1", http2: false },
    { version: "HTTP/2", http2: true },
  ])("control: while the link is up it arrives and is confirmed, $version", async ({ http2 }) => {
    const hostname = `reached-${http2 ? 2 : 1}`;
    const agent = await distantAgent(hostname, { http2, polls: 2 });
    try {
      const answer = agent.answer();
      await operator.enqueue(wireDispatch(hostname));
      expect((await answer).status).toBe(200);
      await untilState(operator, hostname, rolloutId, "delivered");
      expect(await kindsOf(operator, hostname, rolloutId)).toContain("confirmed");
    } finally {
      await agent.kill();
    }
    expect(await takeNearby(hostname, "?wait=3")).toBe(204);
  });
});
