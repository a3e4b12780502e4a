import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, type Reply, wireDispatch } from "../support/client.js";
import { historyOf, kindsOf } from "../support/history.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { rolloutId } from "./confirming.js";

/** What a server that dies between a commit and its answer has lost, and what not. */

let pki: TestPki;
let operator: HttpClient;
let agent: HttpClient;
let databases = 0;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

const failPoint = (value: string) => ({ NIXFLEET_DISPATCH_FAILPOINT: value });

interface Death {
  readonly at: string;
  readonly flags?: readonly string[];
  /** What is answered before. */
  readonly before?: () => Promise<unknown>;
  /** What is not answered. */
  readonly call: () => Promise<Reply>;
}

async function startOn(db: string, flags: readonly string[], env: Readonly<Record<string, string>>) {
  const server = await TestServer.start(pki, { db, flags, env });
  operator = new HttpClient(server, pki, pki.operator);
  agent = new HttpClient(server, pki, await pki.agent("web-01"));
  return server;
}

/** @returns a new server on the database of one that died while it was called */
async function afterDeath({ at, flags = [], before, call }: Death): Promise<TestServer> {
  databases += 1;
  const db = pki.path(`${databases}.db`);
  const mortal = await startOn(db, flags, failPoint(at));
  await before?.();
  await expect(call()).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(await mortal.exited()).toBe("SIGKILL");
  mortal.removeFolder();
  return startOn(db, flags, {});
}

const enqueue = () => operator.enqueue(wireDispatch("web-01"));
const poll = (query = "?wait=0") => agent.poll(query);
const acknowledge = (token: string) =>
  agent.post("/v1/agent/dispatch/ack", { rollout_id: rolloutId, lease_token: token });

describe("an enqueue whose answer did not get out", () => {
  test("is in the queue, once; said again it takes its own place, and the agent gets one", async () => {
    const server = await afterDeath({ at: "enqueue-committed=1", call: enqueue });
    expect(await kindsOf(operator, "web-01", rolloutId)).toEqual(["enqueued"]);
    const again = await enqueue();
    expect(JSON.parse(again.body).results[0].outcome).toBe("ENQUEUE_OUTCOME_REPLACED");
    expect(mustBeTaken(await poll()).rollout_id).toBe(rolloutId);
    expect((await poll()).status).toBe(204);
    await server.stop();
  });
});

describe("a dispatch that was taken, and whose answer did not get out,", () => {
  test("comes again when its lease is over, as the next attempt", async () => {
    const call = () => poll("?wait=0&lease_seconds=2");
    const server = await afterDeath({ at: "take-committed=1", before: enqueue, call });
    const taken = mustBeTaken(await poll("?wait=60&lease_seconds=60"));
    expect([taken.rollout_id, leaseOf(taken).attempt]).toEqual([rolloutId, 2]);
    await server.stop();
  });

  test("comes again with confirmed delivery, and was never marked confirmed", async () => {
    const flags = ["--delivery", "confirmed", "--confirm-within", "2s"];
    const server = await afterDeath({ at: "take-committed=1", flags, before: enqueue, call: () => poll() });
    mustBeTaken(await poll("?wait=60"));
    const kinds = await kindsOf(operator, "web-01", rolloutId);
    expect(kinds.filter((kind) => kind !== "flushed")).toEqual(["enqueued", "leased", "lease_expired", "leased"]);
    await server.stop();
  });

  test("is gone with --delivery once, as with the original, until the planner says it again", async () => {
    const server = await afterDeath({ at: "take-committed=1", before: enqueue, call: () => poll() });
    expect((await poll()).status).toBe(204);
    expect((await historyOf(operator, "web-01", rolloutId)).state).toBe("delivered");
    // The history shows that the answer was never written.
    expect(await kindsOf(operator, "web-01", rolloutId)).toEqual(["enqueued", "delivered"]);
    await enqueue();
    expect(mustBeTaken(await poll()).rollout_id).toBe(rolloutId);
    await server.stop();
  });
});

describe("a word whose answer did not get out", () => {
  test("has counted: the acknowledgement is there, and may be said again", async () => {
    let token = "";
    const server = await afterDeath({
      at: "step-committed=1",
      async before() {
        await enqueue();
        token = leaseOf(mustBeTaken(await poll("?wait=0&lease_seconds=60"))).token;
      },
      call: () => acknowledge(token),
    });
    expect((await historyOf(operator, "web-01", rolloutId)).state).toBe("acknowledged");
    expect((await acknowledge(token)).status).toBe(200);
    expect(await kindsOf(operator, "web-01", rolloutId)).toEqual(expect.arrayContaining(["acknowledged"]));
    await server.stop();
  });

  test("has counted: the cancellation is there, and no agent gets the dispatch", async () => {
    const call = () => operator.post("/v1/dispatches/cancel", { hostname: "web-01", rollout_id: rolloutId });
    const server = await afterDeath({ at: "step-committed=1", before: enqueue, call });
    expect((await historyOf(operator, "web-01", rolloutId)).state).toBe("cancelled");
    expect((await poll()).status).toBe(204);
    await server.stop();
  });
});

test("control: a server that does not get to its fail point answers all of these calls", async () => {
  const server = await startOn(pki.path("control.db"), [], failPoint("step-committed=1000"));
  expect((await enqueue()).status).toBe(200);
  const { token } = leaseOf(mustBeTaken(await poll("?wait=0&lease_seconds=60")));
  expect((await acknowledge(token)).status).toBe(200);
  expect(await kindsOf(operator, "web-01", rolloutId)).toEqual(expect.arrayContaining(["enqueued", "acknowledged"]));
  expect(await server.stop()).toBe(0);
});
