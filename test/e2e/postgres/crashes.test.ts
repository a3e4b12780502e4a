import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LoadBalancer } from "../../support/load-balancer.js";
import { Cluster } from "../../support/postgres/cluster.js";
import { wireDispatch } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { type Account, Fleet, untilAllFetched } from "./fleet.js";
import { operatorAt, startNamed } from "./servers.js";

const isLong = process.env.LONG_FAULTS !== undefined;
const hosts = Array.from({ length: isLong ? 60 : 15 }, (_, i) => `web-${i}`);
const names = ["one", "two", "three"] as const;
const waitSeconds = 5;

let pki: TestPki;
let cluster: Cluster;
let url: string;
let servers: TestServer[];
let door: LoadBalancer;

beforeAll(async () => {
  pki = await TestPki.create();
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster.stop();
  pki.remove();
});
beforeEach(async () => {
  url = cluster.url(await cluster.createDatabase());
  servers = await Promise.all(names.map((name) => start(name)));
  door = await LoadBalancer.start(servers.map(({ port }) => port));
});
afterEach(async () => {
  door.close();
  await Promise.all(servers.map((server) => (server.hasExited ? server.removeFolder() : server.stop())));
});

/** With the sweep of a real server, whose lost kicks cost five seconds. */
const start = (name: string, port = 0) => startNamed(pki, url, name, ["--sweep", "5s", "--log-level", "info"], port);

/** Where polls are plain and no server dies, what was handed out and what was read are the same, to the last one. */
function expectExactlyOnce(accounts: Map<string, Account>): void {
  const odd = [...accounts].filter(([, { handedOut, received }]) => handedOut !== received);
  expect(odd).toEqual([]);
}

describe("a fleet behind a load balancer, with plain polls", () => {
  test("loses nothing and gets nothing twice while PostgreSQL is killed again and again", async () => {
    const fleet = new Fleet({ door, pki, hosts, waitSeconds });
    await fleet.start();
    const planned = fleet.plan(isLong ? 60_000 : 7_000);
    for (let kills = isLong ? 15 : 3; kills > 0; kills -= 1) {
      await pause(1_200);
      await cluster.kill();
      await cluster.up();
    }
    const rollouts = await planned;
    const operator = operatorAt(servers[0] ?? door, pki);
    const accounts = await untilAllFetched(operator, fleet, { hosts, rollouts, state: "delivered" });
    await fleet.stop();
    expect(fleet.errors).toBeGreaterThan(0);
    expectExactlyOnce(accounts);
  });

  test("loses nothing while every server is restarted in turn, and no agent waits longer than its poll", async () => {
    const fleet = new Fleet({ door, pki, hosts, waitSeconds });
    await fleet.start();
    let isOver = false;
    const planned = (async () => {
      const rollouts: string[] = [];
      while (!isOver) rollouts.push(...(await planOne(fleet, rollouts.length + 1)));
      return rollouts;
    })();
    for (const [i, name] of names.entries()) {
      const { port } = servers[i] ?? { port: 0 };
      expect(await servers[i]?.stop()).toBe(0);
      servers[i] = await start(name, port);
      await pause(500);
    }
    isOver = true;
    const rollouts = await planned;
    const accounts = await untilAllFetched(operatorAt(door, pki), fleet, { hosts, rollouts, state: "delivered" });
    await fleet.stop();
    expectExactlyOnce(accounts);
    // An answer comes before the wait is over, never after it; the rest is what the machine makes of it.
    if (isLong) expect(fleet.longestPollMs).toBeLessThan(waitSeconds * 1_000 + 5_000);
  });
});

async function enqueueForAll(rollout_id: string) {
  const reply = await operatorAt(servers[0] ?? door, pki).enqueue(
    ...hosts.map((host) => wireDispatch(host, { rollout_id })),
  );
  return JSON.parse(reply.body);
}

async function planOne(fleet: Fleet, nth: number): Promise<string[]> {
  const rolloutId = `stable@${nth.toString(16)}`;
  await Promise.all(hosts.map((host) => fleet.enqueue(host, rolloutId)));
  await pause(100);
  return [rolloutId];
}

describe("a fleet behind a load balancer, with leases", () => {
  test("is served by the other servers soon after one dies between a take and its answer, and never twice in one lease", async () => {
    const leaseSeconds = 3;
    await servers[2]?.stop();
    const mortal = await TestServer.start(pki, {
      postgres: url,
      flags: ["--server-name", "mortal"],
      env: { NIXFLEET_DISPATCH_FAILPOINT: "take-committed=1" },
    });
    servers[2] = mortal;
    door.use(servers.map(({ port }) => port));
    const fleet = new Fleet({ door, pki, hosts, waitSeconds, leaseSeconds });
    const { results } = await enqueueForAll("stable@1");
    expect(results).toHaveLength(hosts.length);
    await fleet.start();
    // Its first take has a dispatch for each agent that the door sent there.
    expect(await mortal.exited()).toBe("SIGKILL");
    const diedAt = performance.now();
    const rollouts = ["stable@1", ...(await planOne(fleet, 2))];
    const accounts = await untilAllFetched(operatorAt(servers[0] ?? door, pki), fleet, {
      hosts,
      rollouts,
      state: "acknowledged",
    });
    await fleet.stop();
    // Somebody's answer was lost with the server, and came again; everybody's came.
    const again = [...accounts.values()].filter(({ kinds }) => kinds.includes("lease_expired"));
    expect(again.length).toBeGreaterThan(0);
    expect([...accounts.values()].filter(({ received }) => received !== 1)).toEqual([]);
    const last = Math.max(...fleet.receipts.map(({ atMs }) => atMs));
    // Promised: the lease and five seconds. The same again is for the machine.
    expect(last - diedAt).toBeLessThan(2 * (leaseSeconds + 5) * 1_000);
  });
});
