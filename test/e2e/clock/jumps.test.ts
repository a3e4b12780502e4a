import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { kindsOf } from "../support/history.js";
import { leaseOf, mustBeTaken, takenIn } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { libfaketime, libfaketimeClock, type MovedClock, preloadedClock } from "./moved-clock.js";

if (libfaketime === undefined) console.warn("no libfaketime here: the clock was set in JavaScript only, not below it");

const ways = [
  { how: "in JavaScript", clockIn: (folder: string) => preloadedClock(folder) },
  ...(libfaketime === undefined ? [] : [{ how: "by libfaketime", clockIn: libfaketimeClock }]),
];
const jumps = [
  { jump: "an hour ahead", seconds: 3_600 },
  { jump: "an hour back", seconds: -3_600 },
];
const dayMs = 86_400_000;
const rolloutId = "stable@a1b2c3d4";

let pki: TestPki;
beforeAll(async () => {
  // Valid an hour ago, too.
  pki = await TestPki.create(new Date(Date.now() - dayMs));
});
afterAll(() => pki.remove());

describe.concurrent.each(ways.flatMap((way) => jumps.map((jump) => ({ ...way, ...jump }))))(
  "a wall clock that is set $jump $how",
  ({ how, seconds, clockIn }) => {
    let clock: MovedClock;
    let server: TestServer;
    let operator: HttpClient;
    const db = () => pki.path(`${how.replaceAll(" ", "-")}${seconds}.db`);

    beforeAll(async () => {
      clock = clockIn(mkdtempSync(join(pki.folder, "clock-")));
      server = await start();
    });
    afterAll(() => server.stop());

    async function start(): Promise<TestServer> {
      const started = await TestServer.start(pki, { db: db(), flags: ["--log-level", "debug"], env: clock.env });
      operator = new HttpClient(started, pki, pki.operator);
      return started;
    }

    const agentOf = async (hostname: string) => new HttpClient(server, pki, await pki.agent(hostname));

    test("moves no wait and no lease", async () => {
      const waiting = await agentOf("waiting");
      const short = await agentOf("short");
      const long = await agentOf("long");
      await operator.enqueue(wireDispatch("short"), wireDispatch("long"));
      const { token } = leaseOf(mustBeTaken(await long.poll("?wait=0&lease_seconds=600")));
      const askedMs = performance.now();
      const elapsedMs = () => performance.now() - askedMs;
      mustBeTaken(await short.poll("?wait=0&lease_seconds=4"));
      const wait = waiting.poll("?wait=4").then((reply) => ({ reply, afterMs: elapsedMs() }));
      const again = short.poll("?wait=60&lease_seconds=60").then((reply) => ({ reply, afterMs: elapsedMs() }));
      await Promise.all([untilParked(server, "waiting"), untilParked(server, "short")]);
      clock.setAhead(seconds);

      // Lengths of time that the jump would have cut to nothing, or drawn out to an hour.
      const [waited, redelivered] = await Promise.all([wait, again]);
      expect(waited.reply.status).toBe(204);
      // Up to 5 % early, on purpose.
      expect(waited.afterMs).toBeGreaterThanOrEqual(3_800);
      expect(leaseOf(mustBeTaken(redelivered.reply)).attempt).toBe(2);
      expect(redelivered.afterMs).toBeGreaterThanOrEqual(4_000);
      expect(Math.max(waited.afterMs, redelivered.afterMs)).toBeLessThan(50_000);

      // A long one goes on, over a sudden death too, and a new one has its length.
      expect(takenIn(await long.poll("?wait=0"))).toBeUndefined();
      server.kill("SIGKILL");
      await server.exited();
      server = await start();
      const after = await agentOf("long");
      expect(takenIn(await after.poll("?wait=0"))).toBeUndefined();
      const ack = { rollout_id: rolloutId, lease_token: token };
      expect((await after.post("/v1/agent/dispatch/ack", ack)).status).toBe(200);
      expect(await kindsOf(operator, "long", rolloutId)).not.toContain("lease_expired");

      // The control: the clock was set, as far as what goes by the wall can tell.
      await operator.enqueue(wireDispatch("dated"));
      const dated = mustBeTaken(await (await agentOf("dated")).poll("?wait=0"));
      const aheadMs = Date.parse(dated.enqueued_at) - Date.now();
      expect(Math.abs(aheadMs - seconds * 1_000)).toBeLessThan(600_000);
    });
  },
);

test("control: not_before goes by the wall clock, so the jump makes it due", async () => {
  const clock = preloadedClock(pki.folder);
  const server = await TestServer.start(pki, { env: clock.env });
  const operator = new HttpClient(server, pki, pki.operator);
  const agent = new HttpClient(server, pki, await pki.agent("dated"));
  await operator.enqueue(wireDispatch("dated", { not_before: new Date(Date.now() + 1_800_000).toISOString() }));
  expect((await agent.poll("?wait=0")).status).toBe(204);
  clock.setAhead(3_600);
  expect((await agent.poll("?wait=0")).status).toBe(200);
  await server.stop();
});

test("control: where the monotonic clock jumps along, the long lease is over", async () => {
  const clock = preloadedClock(pki.folder, "moves");
  const server = await TestServer.start(pki, { env: clock.env });
  const operator = new HttpClient(server, pki, pki.operator);
  const agent = new HttpClient(server, pki, await pki.agent("long"));
  await operator.enqueue(wireDispatch("long"));
  mustBeTaken(await agent.poll("?wait=0&lease_seconds=600"));
  clock.setAhead(3_600);
  expect(leaseOf(mustBeTaken(await agent.poll("?wait=0&lease_seconds=600"))).attempt).toBe(2);
  await server.stop();
});
