import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

/** Takes everything that waits for the host. */
async function drainQueue(server: TestServer, host: string): Promise<string[]> {
  const agent = new HttpClient(server, pki, await pki.agent(host));
  const rolloutIds: string[] = [];
  for (let reply = await agent.poll("?wait=0"); reply.status === 200; reply = await agent.poll("?wait=0")) {
    rolloutIds.push(JSON.parse(reply.body).rollout_id);
  }
  return rolloutIds;
}

const rolloutIds = (count: number): string[] => Array.from({ length: count }, (_, i) => `r@${i.toString(16)}`);

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a restart after %s on the same database keeps what was queued, and only that, in its order",
  async (signal) => {
    const db = `${pki.folder}/${signal}.db`;
    const first = await TestServer.start(pki, { db });
    const operator = new HttpClient(first, pki, pki.operator);
    for (const rollout_id of rolloutIds(20)) await operator.enqueue(wireDispatch("web-01", { rollout_id }));
    const agent = new HttpClient(first, pki, await pki.agent("web-01"));
    const taken = [await agent.poll(), await agent.poll()].map(({ body }) => JSON.parse(body).rollout_id);
    first.kill(signal);
    await first.exited();

    const second = await TestServer.start(pki, { db });
    // What was handed out before does not come again: the check below would see a dispatch that is missing, or one too many.
    expect([...taken, ...(await drainQueue(second, "web-01"))]).toEqual(rolloutIds(20));
    await second.stop();
  },
);

test("kill -9 in the middle of enqueues: each one that was acknowledged is there after the restart", async () => {
  const db = `${pki.folder}/killed.db`;
  const first = await TestServer.start(pki, { db });
  const operator = new HttpClient(first, pki, pki.operator);
  const acknowledged: string[] = [];
  const calls = rolloutIds(400).map(async (rollout_id) => {
    const reply = await operator.enqueue(wireDispatch("web-01", { rollout_id })).catch(() => undefined);
    if (reply?.status !== 200) return;
    acknowledged.push(rollout_id);
    if (acknowledged.length === 50) first.kill("SIGKILL");
  });
  await Promise.all(calls);
  expect(await first.exited()).toBe("SIGKILL");
  expect(acknowledged.length).toBeGreaterThanOrEqual(50);

  const second = await TestServer.start(pki, { db });
  const found = new Set(await drainQueue(second, "web-01"));
  expect(acknowledged.filter((rolloutId) => !found.has(rolloutId))).toEqual([]);
  // The control: the signal came in the middle, so there are dispatches that were never acknowledged and are not there.
  expect(rolloutIds(400).filter((rolloutId) => !found.has(rolloutId))).not.toEqual([]);
  await second.stop();
});

test("a server whose database is removed under it says that it is not ready", async () => {
  const db = `${pki.folder}/vanishing/dispatch.db`;
  const server = await TestServer.start(pki, { db });
  const client = new HttpClient(server, pki, undefined);
  expect((await client.ask("/readyz")).status).toBe(200);
  rmSync(dirname(db), { recursive: true });
  // The store is asked once a second at most. Without the path, since anybody may ask.
  const answer = async () => {
    const { status, body } = await client.ask("/readyz");
    return [status, body];
  };
  await expect.poll(answer, { timeout: 20_000 }).toEqual([503, "the store does not answer\n"]);
  expect((await client.ask("/livez")).status).toBe(200);
  await server.stop();
});
