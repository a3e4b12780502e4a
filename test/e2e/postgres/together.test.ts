import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedPostgres } from "../../support/postgres/shared.js";
import { newDispatches, operatorOf } from "../operator/operator.js";
import { wireDispatch } from "../support/client.js";
import { leaseOf, mustBeTaken } from "../support/lease.js";
import { Scrape } from "../support/metrics.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { agentAt, operatorAt, type Several, startNamed, startThree, stopAll, until } from "./servers.js";

let pki: TestPki;
let url: string;
let servers: Several;

beforeAll(async () => {
  pki = await TestPki.create();
  const postgres = await sharedPostgres();
  url = postgres.url(await postgres.createDatabase());
  servers = await startThree(pki, url);
});
afterAll(async () => {
  await stopAll(servers);
  pki.remove();
});

describe("three servers on one database", () => {
  test("an enqueue on one wakes a poll that is parked on another, and no other host's", async () => {
    const agent = await agentAt(servers.two, pki, "woken");
    const bystander = await agentAt(servers.three, pki, "bystander");
    const parked = agent.poll("?wait=60");
    const other = bystander.poll("?wait=60");
    await Promise.all([untilParked(servers.two, "woken"), untilParked(servers.three, "bystander")]);
    await operatorAt(servers.one, pki).enqueue(wireDispatch("woken"));
    expect(mustBeTaken(await parked).hostname).toBe("woken");
    expect(parkedSoFar(servers.three, "bystander")).toBe(1);
    await operatorAt(servers.one, pki).enqueue(wireDispatch("bystander"));
    expect(mustBeTaken(await other).hostname).toBe("bystander");
  });

  test("of a host's polls on two servers one gets a dispatch, and only one", async () => {
    const [here, there] = [await agentAt(servers.one, pki, "twice"), await agentAt(servers.two, pki, "twice")];
    const polls = [here.poll("?wait=60"), there.poll("?wait=60")];
    await Promise.all([untilParked(servers.one, "twice"), untilParked(servers.two, "twice")]);
    await operatorAt(servers.three, pki).enqueue(wireDispatch("twice"));
    mustBeTaken(await Promise.race(polls));
    await operatorAt(servers.three, pki).enqueue(wireDispatch("twice", { rollout_id: "next@2" }));
    const taken = (await Promise.all(polls)).map((reply) => mustBeTaken(reply).rollout_id);
    expect(taken.sort()).toEqual(["next@2", "stable@a1b2c3d4"]);
  });

  test("a lease that began on one and runs out wakes a poll on another; its token counts at every one", async () => {
    const [here, there] = [await agentAt(servers.one, pki, "leased"), await agentAt(servers.three, pki, "leased")];
    await operatorAt(servers.two, pki).enqueue(wireDispatch("leased"));
    const first = leaseOf(mustBeTaken(await here.poll("?wait=0&lease_seconds=2")));
    const second = leaseOf(mustBeTaken(await there.poll("?wait=60&lease_seconds=60")));
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    const ack = { rollout_id: "stable@a1b2c3d4", lease_token: second.token };
    expect((await here.post("/v1/agent/dispatch/ack", ack)).status).toBe(200);
  });

  test("each shows how its connections to the database are used", async () => {
    await operatorAt(servers.one, pki).enqueue(wireDispatch("counted"));
    const scrape = await Scrape.of(servers.one);
    expect(scrape.value("db_connections", { state: "idle" })).toBeGreaterThan(0);
    expect(scrape.value("db_waiting_calls")).toBe(0);
  });

  test("each knows where a host is parked, and forgets a server that has died", async () => {
    const mortal = await startNamed(pki, url, "mortal");
    const parkedAt = async () => {
      const { hosts } = await operatorOf(servers.one, pki).queue.listHosts({ hostname: "seen" });
      return hosts.flatMap(({ presence }) => presence?.parkedAt.map(({ server, polls }) => `${server} ${polls}`) ?? []);
    };
    const here = (await agentAt(servers.one, pki, "seen")).poll("?wait=60");
    const there = (await agentAt(servers.two, pki, "seen")).poll("?wait=60");
    const elsewhere = (await agentAt(mortal, pki, "seen")).poll("?wait=60").catch(() => "cut");
    const all = await until(parkedAt, (found) => found.length === 3);
    expect([all[0], ...all.slice(1).sort()]).toEqual(["one 1", "mortal 1", "two 1"]);
    mortal.kill("SIGKILL");
    await elsewhere;
    expect(await until(parkedAt, (found) => found.length === 2)).toEqual(["one 1", "two 1"]);
    await operatorAt(servers.one, pki).enqueue(wireDispatch("seen"), wireDispatch("seen", { rollout_id: "next@2" }));
    await Promise.all([here, there]);
    expect(await until(parkedAt, (found) => found.length === 0)).toEqual([]);
    mortal.removeFolder();
  });

  test("a revocation by one cuts the host's polls at the others within five seconds, and so does taking it back", async () => {
    const agent = await agentAt(servers.three, pki, "stolen");
    const parked = agent.poll("?wait=60").then(
      ({ status }) => status,
      () => "cut",
    );
    await untilParked(servers.three, "stolen");
    const { trust } = operatorOf(servers.one, pki);
    await trust.revokeHost({ hostname: "stolen", reason: "left in a train" });
    expect(["cut", 401]).toContain(await parked);
    expect((await agent.poll("?wait=0")).status).toBe(401);
    await trust.restoreHost({ hostname: "stolen" });
    await until(
      () => agent.poll("?wait=0"),
      ({ status }) => status === 204,
    );
  });

  test("a watch on any server sees what all of them do: every event, in order, once", async () => {
    const { lastEventId: start } = await operatorOf(servers.one, pki).queue.getStats({});
    const rounds = 30;
    const expected = 3 * rounds * 5;
    const stop = new AbortController();
    const watching = Object.values(servers).map(async (server) => {
      const ids: bigint[] = [];
      const answers = operatorOf(server, pki).queue.watchEvents({ afterId: start }, { signal: stop.signal });
      for await (const { events } of answers) {
        ids.push(...events.map(({ id }) => id));
        if (ids.length >= expected) return ids;
      }
      return ids;
    });
    await Promise.all(
      Object.entries(servers).map(async ([name, server]) => {
        const { queue } = operatorOf(server, pki);
        for (let i = 0; i < rounds; i += 1) {
          const hosts = Array.from({ length: 5 }, (_, n) => `${name}-${i}-${n}`);
          await queue.enqueueDispatches({ dispatches: newDispatches(hosts, "watched@1") });
        }
      }),
    );
    const seen = await Promise.all(watching);
    const all = await eventIds(start);
    expect(all).toHaveLength(expected);
    for (const ids of seen) expect(ids).toEqual(all);
  });
});

/** As they are in the end, when nobody writes any more. */
async function eventIds(afterId: bigint): Promise<bigint[]> {
  const { events } = await operatorOf(servers.two, pki).queue.listEvents({ afterId, pageSize: 1_000 });
  return events.map(({ id }) => id);
}
