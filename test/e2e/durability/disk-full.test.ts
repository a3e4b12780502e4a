import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HttpClient, type Reply, wireDispatch } from "../support/client.js";
import { historyOf } from "../support/history.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { type Disk, pageLimit, smallDisk, whyNoSmallDisk } from "./disk.js";

const whyNot = whyNoSmallDisk();
if (whyNot !== undefined) console.warn(`nothing can be mounted here (${whyNot}): a full file system was not tested`);

const disks = [
  ...(whyNot === undefined ? [{ disk: "a small file system", open: smallDisk }] : []),
  { disk: "a limit of SQLite's pages", open: pageLimit },
];

let pki: TestPki;
beforeAll(async () => {
  pki = await TestPki.create();
});
afterAll(() => pki.remove());

describe.each(disks)("a disk that is full: $disk", ({ open }) => {
  let disk: Disk;
  let server: TestServer;
  let operator: HttpClient;
  beforeEach(async () => {
    disk = open();
    const flags = ["--log-level", "debug"];
    server = await TestServer.start(pki, { db: join(disk.folder, "dispatch.db"), flags, env: disk.env });
    operator = new HttpClient(server, pki, pki.operator);
  });
  afterEach(async () => {
    await server.stop();
    disk.remove();
  });

  const agentOf = async (hostname: string) => new HttpClient(server, pki, await pki.agent(hostname));
  const large = (i: number) => wireDispatch(`host-${i}`, { target_closure: `/nix/store/${"x".repeat(200)}` });

  /** Enqueues until the disk is full. @returns how many were acknowledged, and the first refusal */
  async function enqueueUntilRefused(): Promise<{ acknowledged: number; refusal: Reply }> {
    for (let acknowledged = 0; ; acknowledged += 1) {
      const refusal = await operator.enqueue(large(acknowledged));
      if (refusal.status !== 200) return { acknowledged, refusal };
    }
  }

  test("is a clear error for who writes, no matter for who waits, and over without a restart", async () => {
    await operator.enqueue(wireDispatch("holder"), wireDispatch("hungry"));
    const holder = await agentOf("holder");
    const { token } = leaseOf(mustBeTaken(await holder.poll("?wait=0&lease_seconds=600")));
    const parked = (await agentOf("parked")).poll("?wait=60");
    await untilParked(server, "parked");
    disk.fill(server);

    const { acknowledged, refusal } = await enqueueUntilRefused();
    expect([refusal.status, JSON.parse(refusal.body)]).toEqual([
      503,
      { code: "unavailable", message: "the store's disk is full; nothing was changed" },
    ]);
    expect(Number(refusal.headers["retry-after"])).toBeGreaterThan(0);
    const hungry = await agentOf("hungry");
    const ack = () => holder.post("/v1/agent/dispatch/ack", { rollout_id: "stable@a1b2c3d4", lease_token: token });
    if (!disk.takesWhatFits) {
      expect((await hungry.poll("?wait=0&lease_seconds=60")).status).toBe(503);
      expect((await ack()).status).toBe(503);
      expect((await historyOf(operator, "holder", "stable@a1b2c3d4")).state).toBe("leased");
    }
    // A poll that finds nothing does not write, and reading goes on.
    expect((await (await agentOf("nobody")).poll("?wait=0")).status).toBe(204);
    expect((await historyOf(operator, "hungry", "stable@a1b2c3d4")).state).toBe("pending");

    disk.makeRoom(server);
    await expect.poll(async () => (await operator.enqueue(wireDispatch("parked"))).status).toBe(200);
    // The poll was parked all the while.
    expect(mustBeTaken(await parked).hostname).toBe("parked");
    expect((await ack()).status).toBe(200);
    expect(mustBeTaken(await hungry.poll("?wait=0")).hostname).toBe("hungry");
    // What was acknowledged before is there, and what was refused is not.
    const known = async (i: number) => (await operator.ask(`/v1/dispatches/host-${i}/stable@a1b2c3d4`)).status;
    if (acknowledged > 0) expect(await known(acknowledged - 1)).toBe(200);
    expect(await known(acknowledged)).toBe(404);
  });

  test("control: with room left all of these calls go through", async () => {
    disk.fill(server);
    // Until the server has noticed: of two signals in a row the second may be heard first.
    await enqueueUntilRefused();
    disk.makeRoom(server);
    await expect.poll(async () => (await operator.enqueue(wireDispatch("holder"))).status).toBe(200);
    for (let i = 0; i < 100; i += 1) expect((await operator.enqueue(large(i))).status).toBe(200);
    expect((await (await agentOf("holder")).poll("?wait=0&lease_seconds=60")).status).toBe(200);
  });
});
