import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leaseTokenFrom } from "../../../src/dispatch/lease.js";
import { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, newDispatch, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { takenIn } from "../support/lease.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

const dayMs = 86_400_000;
const old = 10_000;

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** A queue that was busy 40 days ago: so many were delivered, and one still waits. */
async function busyLongAgo(path: string): Promise<void> {
  const clock = new FakeClock(Date.now() - 40 * dayMs);
  const store = SqliteStore.open(path, { clock, newToken: () => leaseTokenFrom(randomBytes(16)) });
  const hosts = Array.from({ length: old }, (_, i) => `old-${i}`);
  await store.enqueue([group(...hosts.map((hostname) => newDispatch(hostname)))]);
  await store.take(hosts.map((hostname) => want(hostname)));
  await store.enqueue([group(newDispatch("patient"))]);
  await store.close();
}

async function takeOne(operator: HttpClient, agent: HttpClient, number: number): Promise<void> {
  const rollout_id = `stable@${number.toString(16)}`;
  await operator.enqueue(wireDispatch("web-01", { rollout_id }));
  expect(takenIn(await agent.poll("?wait=0"))?.rollout_id).toBe(rollout_id);
}

test("what is older than --retain goes, what is live stays, and takes come in between all the while", async () => {
  const db = pki.path("busy.db");
  await busyLongAgo(db);
  const server = await TestServer.start(pki, { db, flags: ["--retain", "30d"] });
  const operator = new HttpClient(server, pki, pki.operator, { keepAlive: true });
  const agent = new HttpClient(server, pki, await pki.agent("web-01"), { keepAlive: true });
  let isPruned = false;
  const pruned = server
    .logged(({ msg }) => msg === "pruned")
    .then((line) => {
      isPruned = true;
      return line;
    });
  let takes = 0;
  for (; !isPruned; takes += 1) await takeOne(operator, agent, takes);
  // Removed in one piece, it would have let one or two in at most.
  expect(takes).toBeGreaterThan(20);
  // Each delivered one with its two events, and the one event of what waits.
  expect((await pruned).rows).toBe(3 * old + 1);
  const patient = new HttpClient(server, pki, await pki.agent("patient"));
  expect(takenIn(await patient.poll("?wait=0"))?.hostname).toBe("patient");
  for (const client of [operator, agent]) client.close();
  await server.stop();
});

test("control: with a longer --retain nothing goes", async () => {
  const db = pki.path("kept.db");
  await busyLongAgo(db);
  const server = await TestServer.start(pki, { db, flags: ["--retain", "60d"] });
  const operator = new HttpClient(server, pki, pki.operator);
  const agent = new HttpClient(server, pki, await pki.agent("web-01"));
  for (let takes = 0; takes <= 20; takes += 1) await takeOne(operator, agent, takes);
  expect((await operator.ask("/v1/dispatches/old-0/stable@a1b2c3d4")).status).toBe(200);
  expect(server.log.some(({ msg }) => msg === "pruned")).toBe(false);
  expect((await operator.ask("/v1/dispatches/old-9999/stable@a1b2c3d4")).status).toBe(200);
  await server.stop();
});
