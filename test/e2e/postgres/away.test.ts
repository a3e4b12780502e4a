import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cluster } from "../../support/postgres/cluster.js";
import { TcpProxy } from "../faults/proxy.js";
import { wireDispatch } from "../support/client.js";
import { mustBeTaken } from "../support/lease.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import type { TestServer } from "../support/server.js";
import { agentAt, operatorAt, startNamed, until } from "./servers.js";

let pki: TestPki;
let cluster: Cluster;
let database: string;
let servers: TestServer[] = [];

beforeAll(async () => {
  pki = await TestPki.create();
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster.stop();
  pki.remove();
});
beforeEach(async () => {
  database = await cluster.createDatabase();
});
afterEach(async () => {
  cluster.thaw();
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
});

async function start(name: string, port?: number): Promise<TestServer> {
  const server = await startNamed(pki, cluster.url(database, port), name);
  servers.push(server);
  return server;
}

const ready = async (server: TestServer) => {
  const response = await fetch(`${server.adminUrl}/readyz`);
  return `${response.status} ${await response.text()}`.trim();
};

/** A long run, on a machine of its own, takes the times that operators were promised. */
const isLong = process.env.LONG_FAULTS !== undefined;
const goneMs = isLong ? 30_000 : 3_000;

/** How a database goes away, and how it comes back. */
const ways = [
  ["killed", () => cluster.kill(), () => cluster.up()],
  ["stopped where it stands", async () => cluster.freeze(), async () => cluster.thaw()],
] as const;

describe.each(ways)("a PostgreSQL that is %s", (_, goAway, comeBack) => {
  test("refuses new calls with the reason while parked polls stay, and serves them soon after it is back", async () => {
    const [one, two] = await Promise.all([start("one"), start("two")]);
    const [parkedHost, other] = [await agentAt(two, pki, "parked"), await agentAt(two, pki, "other")];
    const parked = parkedHost.poll("?wait=60");
    let isEnded = false;
    void parked.then(() => {
      isEnded = true;
    });
    await untilParked(two, "parked");

    await goAway();
    const goneAt = performance.now();
    const operator = operatorAt(one, pki);
    await Promise.all([one, two].map((server) => server.logged(({ msg }) => msg === "the database is away")));
    // The calls that hang until then are not counted: from here on nobody waits.
    const refused = await Promise.all([operator.enqueue(wireDispatch("parked")), other.poll("?wait=60")]);
    for (const { status, headers, body } of refused) {
      expect([status, JSON.parse(body).code]).toEqual([503, "unavailable"]);
      expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    }
    expect(await ready(one)).toMatch(/^503 the database cannot be used: (the connection|it)/);
    await until(
      async () => performance.now() - goneAt,
      (ms) => ms >= goneMs,
    );
    expect(isEnded).toBe(false);

    await comeBack();
    const backAt = performance.now();
    await until(
      () => operator.enqueue(wireDispatch("parked")),
      ({ status }) => status === 200,
    );
    expect(mustBeTaken(await parked).hostname).toBe("parked");
    const tookMs = performance.now() - backAt;
    expect(
      await until(
        () => ready(two),
        (answer) => answer === "200 ok",
      ),
    ).toBe("200 ok");
    if (isLong) expect(tookMs).toBeLessThan(5_000);
  });
});

describe("a connection that listens and dies without a word", () => {
  test("is found out and made again, and what was told meanwhile is looked up", async () => {
    const proxy = await TcpProxy.start({ port: cluster.port });
    const [one, two] = [await start("one"), await start("two", proxy.port)];
    const agent = await agentAt(two, pki, "deaf");
    const parked = agent.poll("?wait=60");
    await untilParked(two, "deaf");
    proxy.swallowThoseWith(" listens");
    // Told to nobody: the sweep is an hour away, and only a new connection makes it look.
    await operatorAt(one, pki).enqueue(wireDispatch("deaf"));
    expect(mustBeTaken(await parked).hostname).toBe("deaf");
    expect(two.log.some(({ msg }) => msg === "the database is away")).toBe(false);
    // And it hears again.
    const again = agent.poll("?wait=60");
    await untilParked(two, "deaf", 2);
    await operatorAt(one, pki).enqueue(wireDispatch("deaf", { rollout_id: "next@2" }));
    expect(mustBeTaken(await again).rollout_id).toBe("next@2");
  });
});
