import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRaw, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { historyOf, untilEvent, untilState } from "../support/history.js";
import { connectHttp2, pollHttp2 } from "../support/http2.js";
import { mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const rolloutId = "stable@a1b2c3d4";
const withinMs = 2_000;

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  const flags = ["--log-level", "debug", "--sweep", "1h", "--delivery", "confirmed", "--confirm-within", "2s"];
  server = await TestServer.start(pki, { flags });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

/** As a field agent comes: every poll on the same connection. */
async function fieldAgent(hostname: string): Promise<HttpClient> {
  return new HttpClient(server, pki, await pki.agent(hostname), { keepAlive: true });
}

/** Takes a dispatch on a connection that is closed behind it, with nothing that would prove receipt. */
async function takeAndClose(hostname: string, at = server): Promise<void> {
  const { tls } = await connectRaw(at, pki, await pki.agent(hostname));
  const answered = new Promise<string>((resolve) => tls.once("data", (bytes) => resolve(String(bytes))));
  tls.write(rawPoll("?wait=0"));
  expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
  tls.destroy();
}

describe("receipt is proven", () => {
  test("on HTTP/1.1 by the next request on the same connection, and by nothing before it", async () => {
    const agent = await fieldAgent("field");
    await operator.enqueue(wireDispatch("field"));
    const taken = mustBeTaken(await agent.poll("?wait=0"));
    // An agent that knows nothing of all this sees the five fields and no other.
    expect(Object.keys(taken)).toHaveLength(5);
    await untilEvent(operator, "field", rolloutId, "flushed");
    expect((await historyOf(operator, "field", rolloutId)).state).toBe("leased");
    expect((await agent.poll("?wait=0")).status).toBe(204);
    await untilState(operator, "field", rolloutId, "delivered");
    const { events } = await historyOf(operator, "field", rolloutId);
    expect(events.at(-1)).toMatchObject({
      kind: "confirmed",
      detail: "the next request on the connection",
      attempt: 1,
    });
    agent.close();
  });

  test("on HTTP/2 by the PING that is answered after it", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("modern"));
    await operator.enqueue(wireDispatch("modern"));
    expect((await pollHttp2(session, "?wait=0"))[":status"]).toBe(200);
    await untilState(operator, "modern", rolloutId, "delivered");
    const { events } = await historyOf(operator, "modern", rolloutId);
    expect(events.find(({ kind }) => kind === "confirmed")?.detail).toBe("a PING answered after it");
    session.close();
  });

  test("by an acknowledgement without a token, on any connection", async () => {
    await operator.enqueue(wireDispatch("explicit"));
    await takeAndClose("explicit");
    const agent = await fieldAgent("explicit");
    const said = { rollout_id: rolloutId };
    expect((await agent.post("/v1/agent/dispatch/ack", said)).status).toBe(200);
    expect((await agent.post("/v1/agent/dispatch/ack", said)).status).toBe(200);
    expect((await historyOf(operator, "explicit", rolloutId)).state).toBe("acknowledged");
    agent.close();
  });

  test("and nothing of it is for a lease that was asked for: that ends with an acknowledgement alone", async () => {
    const session = await connectHttp2(server, pki, await pki.agent("leased"));
    await operator.enqueue(wireDispatch("leased"), wireDispatch("leased", { rollout_id: "control@1" }));
    await pollHttp2(session, "?wait=0&lease_seconds=60");
    await pollHttp2(session, "?wait=0");
    // The control is taken later and confirmed, so the PING behind the first has long been answered, too.
    await untilState(operator, "leased", "control@1", "delivered");
    expect((await historyOf(operator, "leased", rolloutId)).state).toBe("leased");
    session.close();
  });
});

describe("receipt is not proven", () => {
  test("the dispatch is hidden until its time is up, then handed out again: one answer each, no hot loop", async () => {
    await operator.enqueue(wireDispatch("unproven"));
    const startedMs = performance.now();
    await takeAndClose("unproven");
    const agent = await fieldAgent("unproven");
    const statuses: number[] = [];
    // As the loop in the field: again at once, whatever the answer. Waits of a second, so that there are several.
    while (!statuses.includes(200)) statuses.push((await agent.poll("?wait=1")).status);
    const waitedMs = performance.now() - startedMs;
    expect(waitedMs).toBeGreaterThanOrEqual(withinMs);
    // Each empty answer had waited, at least 95 % of its second: nothing has answered the loop faster.
    expect(statuses.length - 1).toBeLessThanOrEqual(Math.ceil(waitedMs / 950));
    const { events, attempt } = await historyOf(operator, "unproven", rolloutId);
    expect(attempt).toBe(2);
    expect(events.find(({ kind }) => kind === "lease_expired")).toMatchObject({
      attempt: 1,
      detail: "receipt was not proven in time",
    });
    expect(events.filter(({ kind }) => kind === "confirmed")).toEqual([]);
    agent.close();
  });

  test("a poll that is parked meanwhile is woken when the time is up, and not once before", async () => {
    await operator.enqueue(wireDispatch("parked"));
    await takeAndClose("parked");
    const agent = await fieldAgent("parked");
    const parked = agent.poll("?wait=60");
    await untilParked(server, "parked");
    expect(mustBeTaken(await parked).rollout_id).toBe(rolloutId);
    expect(server.log.filter(({ msg, hostname }) => msg === "parked" && hostname === "parked")).toHaveLength(1);
    const { events } = await historyOf(operator, "parked", rolloutId);
    expect(Number(events.findLast(({ kind }) => kind === "leased")?.parked_ms)).toBeGreaterThan(0);
    agent.close();
  });

  test("control: with --delivery once the same agent is not asked for proof, and gets it no second time", async () => {
    const once = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
    const planner = new HttpClient(once, pki, pki.operator);
    await planner.enqueue(wireDispatch("original"));
    await takeAndClose("original", once);
    expect((await historyOf(planner, "original", rolloutId)).state).toBe("delivered");
    const agent = new HttpClient(once, pki, await pki.agent("original"));
    // Longer than the other server hides it.
    expect((await agent.poll("?wait=3")).status).toBe(204);
    await once.stop();
  });
});
