import { afterAll, beforeAll, expect, test } from "vitest";
import { patientFlags, rolloutId } from "../faults/confirming.js";
import { connectRaw, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf, untilState } from "../support/history.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const hostnames = Array.from({ length: 100 }, (_, i) => `web-${i}`);

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: patientFlags });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

/** Polls, and polls again as soon as the answer is there: faster than any HTTP client. */
async function eagerAgent(hostname: string): Promise<void> {
  const { tls } = await connectRaw(server, pki, await pki.agent(hostname));
  tls.once("data", () => tls.write(rawPoll())).write(rawPoll());
  await untilParked(server, hostname);
}

test("agents that poll again while the rest of the batch is still handed out prove receipt by it, every one", async () => {
  await Promise.all(hostnames.map(eagerAgent));
  await operator.enqueue(...hostnames.map((hostname) => wireDispatch(hostname)));
  for (const hostname of hostnames) await untilParked(server, hostname, 2);
  await Promise.all(hostnames.map((hostname) => untilState(operator, hostname, rolloutId, "delivered")));
  for (const hostname of hostnames) {
    expect((await historyOf(operator, hostname, rolloutId)).attempt).toBe(1);
    expect(await kindsOf(operator, hostname, rolloutId)).toContain("confirmed");
  }
});
