import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRaw, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { type HistoryEvent, historyOf, kindsOf, untilEvent, untilState } from "../support/history.js";
import { connectHttp2, pollHttp2 } from "../support/http2.js";
import { grpcCalls, leaseOf, mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const rolloutId = "stable@a1b2c3d4";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;

beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

async function agentOf(hostname: string): Promise<HttpClient> {
  return new HttpClient(server, pki, await pki.agent(hostname));
}

async function say(agent: HttpClient, what: string, fields: object): Promise<void> {
  const reply = await agent.post(`/v1/agent/dispatch/${what}`, { rollout_id: rolloutId, ...fields });
  expect([reply.status, reply.body]).toEqual([200, expect.anything()]);
}

/** `flushed` is written up to 250 ms after it has happened: whoever looks at an order of events waits for it first. */
function flushed(hostname: string, times = 1): Promise<void> {
  return untilEvent(operator, hostname, rolloutId, "flushed", times);
}

/** What an event says of itself, in short: kind, attempt, who, by which wire, and whether the poll had been parked. */
function brief({ kind, attempt, actor, wire, parked_ms }: HistoryEvent): string {
  return [kind, attempt, actor, wire, parked_ms === undefined ? "" : "parked"].join(" ").trim();
}

test("the timeline of a dispatch has exactly what happened to it, in order: who, when, from where, which attempt", async () => {
  const beforeMs = Date.now();
  const agent = await agentOf("story");
  await operator.enqueue(wireDispatch("story", { target_closure: "/nix/store/older" }));
  await operator.enqueue(wireDispatch("story"));
  mustBeTaken(await agent.poll("?wait=0&lease_seconds=3"));
  await flushed("story");
  const parked = grpcCalls(server, pki, await pki.agent("story")).take(60, 60);
  await untilParked(server, "story");
  const taken = await parked;
  await flushed("story", 2);
  const said = { lease_token: typeof taken === "string" ? taken : taken.token };
  await say(agent, "extend", { ...said, lease_seconds: 120 });
  await say(agent, "ack", said);
  // Said again it is no news.
  await say(agent, "ack", said);

  const { state, attempt, events } = await historyOf(operator, "story", rolloutId);
  expect([state, attempt]).toEqual(["acknowledged", 2]);
  expect(events.map(brief)).toEqual([
    "enqueued 0 operator-test http",
    "replaced 0 operator-test http",
    "leased 1 story http",
    "flushed 1 story http",
    "lease_expired 1 server",
    "leased 2 story grpc parked",
    "flushed 2 story grpc",
    "extended 2 story http",
    "acknowledged 2 story http",
  ]);
  expect(events.map(({ address }) => address)).toEqual(
    events.map(({ actor }) => (actor === "server" ? "" : "127.0.0.1")),
  );
  const ids = events.map(({ id }) => Number(id));
  expect(ids).toEqual([...ids].sort((a, b) => a - b));
  const { body } = await operator.ask("/v1/events?hostname=story");
  const listed: { id: string; at: string }[] = JSON.parse(body).events;
  expect(listed.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
  const atMs = listed.map(({ at }) => Date.parse(at));
  expect(Math.min(...atMs)).toBeGreaterThanOrEqual(beforeMs);
  expect(Math.max(...atMs)).toBeLessThanOrEqual(Date.now());
});

describe("each way to an end has its own events, and no others", () => {
  test("a plain take", async () => {
    await operator.enqueue(wireDispatch("plain"));
    mustBeTaken(await (await agentOf("plain")).poll("?wait=0"));
    await flushed("plain");
    expect(await kindsOf(operator, "plain", rolloutId)).toEqual(["enqueued", "delivered", "flushed"]);
  });

  test("a rejection, with its reason", async () => {
    const agent = await agentOf("rejecting");
    await operator.enqueue(wireDispatch("rejecting"));
    const { token } = leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=60")));
    await flushed("rejecting");
    await say(agent, "reject", { lease_token: token, reason: "closure does not verify" });
    const { events } = await historyOf(operator, "rejecting", rolloutId);
    expect(events.map(({ kind }) => kind)).toEqual(["enqueued", "leased", "flushed", "rejected"]);
    expect(events.at(-1)?.detail).toBe("closure does not verify");
  });

  test("an answer that provably did not leave: returned, and never flushed", async () => {
    const { tls } = await connectRaw(server, pki, await pki.agent("lost"));
    // HTTP/1.1 answers in order: the second poll gets the dispatch and cannot be written before the first one.
    tls.write(rawPoll() + rawPoll());
    await untilParked(server, "lost", 2);
    await operator.enqueue(wireDispatch("lost"));
    await untilState(operator, "lost", rolloutId, "delivered");
    tls.destroy();
    await untilState(operator, "lost", rolloutId, "pending");
    const { events } = await historyOf(operator, "lost", rolloutId);
    expect(events.map(({ kind }) => kind)).toEqual(["enqueued", "delivered", "returned"]);
    expect(events.at(-1)?.detail).toBe("the answer did not leave");
  });

  test("max_attempts: the last line says why, and that it was the last", async () => {
    await operator.enqueue(wireDispatch("dead", { max_attempts: 1 }));
    mustBeTaken(await (await agentOf("dead")).poll("?wait=0&lease_seconds=1"));
    await flushed("dead");
    await untilState(operator, "dead", rolloutId, "dead");
    const { events } = await historyOf(operator, "dead", rolloutId);
    expect(events.map(({ kind }) => kind)).toEqual(["enqueued", "leased", "flushed", "dead"]);
    expect(events.at(-1)?.detail).toBe("the lease ran out; no attempt is left");
  });

  test("confirmed delivery: flushed, then confirmed, and how", async () => {
    const flags = ["--delivery", "confirmed", "--confirm-within", "1h"];
    const confirming = await TestServer.start(pki, { flags });
    const planner = new HttpClient(confirming, pki, pki.operator);
    await planner.enqueue(wireDispatch("proven"));
    const session = await connectHttp2(confirming, pki, await pki.agent("proven"));
    expect((await pollHttp2(session, "?wait=0"))[":status"]).toBe(200);
    await untilEvent(planner, "proven", rolloutId, "flushed");
    const { events } = await historyOf(planner, "proven", rolloutId);
    expect(events.map(({ kind }) => kind).sort()).toEqual(["confirmed", "enqueued", "flushed", "leased"]);
    expect(events.find(({ kind }) => kind === "leased")?.detail).toBe("until receipt is proven");
    session.close();
    await confirming.stop();
  });

  test("an enqueue that keeps a lease leaves no line: planners say it again on every tick", async () => {
    const agent = await agentOf("ticking");
    await operator.enqueue(wireDispatch("ticking"));
    mustBeTaken(await agent.poll("?wait=0&lease_seconds=60"));
    await flushed("ticking");
    for (let i = 0; i < 5; i += 1) await operator.enqueue(wireDispatch("ticking"));
    expect(await kindsOf(operator, "ticking", rolloutId)).toEqual(["enqueued", "leased", "flushed"]);
  });
});

test("of what was never enqueued there is no history: 404", async () => {
  const { status, body } = await operator.ask("/v1/dispatches/nobody/stable@1");
  expect([status, JSON.parse(body).code]).toEqual([404, "not_found"]);
});
