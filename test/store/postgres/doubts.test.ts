import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import { key, rolloutsOf } from "../../contract/driver.js";
import { TcpProxy } from "../../e2e/faults/proxy.js";
import { group, newDispatch, want } from "../../support/dispatches.js";
import { Cluster } from "../../support/postgres/cluster.js";
import { storeOptions } from "../../support/postgres/store.js";

let cluster: Cluster;
let store: PostgresStore;

beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.stop());
afterEach(() => store.close());

/** Takes for the host until the store can say what there is. */
async function takenAtLast(hostname: string) {
  for (;;) {
    const receipt = await store.take([want(hostname)]).catch(() => undefined);
    if (receipt !== undefined) return receipt.taken.flat();
    await pause(50);
  }
}

async function historyOf(hostname: string): Promise<string[]> {
  return (await store.latestEvents(key(hostname), 100)).map(({ kind, attempt }) => `${kind} ${attempt}`);
}

test("a take that was committed, and whose answer got lost on the way, is given back and handed out again", async () => {
  const database = await cluster.createDatabase();
  const proxy = await TcpProxy.start({ port: cluster.port });
  store = await PostgresStore.open(storeOptions(cluster.url(database, proxy.port)));
  await store.enqueue([group(newDispatch("web-01"))]);
  proxy.swallow("down");
  await expect(store.take([want("web-01")])).rejects.toMatchObject({ reason: "store_unavailable" });
  const { rows } = await cluster.sql(database, "SELECT state FROM dispatches");
  // The control: it was taken.
  expect(rows).toEqual([{ state: "delivered" }]);
  proxy.recover();
  expect(rolloutsOf(await takenAtLast("web-01"))).toEqual(["stable@a1b2c3d4"]);
  expect(await historyOf("web-01")).toEqual(["enqueued 0", "delivered 1", "returned 1", "delivered 2"]);
});

test("a take that a frozen database still has before it does not happen behind the server's back", async () => {
  store = await PostgresStore.open(storeOptions(cluster.url(await cluster.createDatabase())));
  await store.enqueue([group(newDispatch("web-01"))]);
  await store.take([want("web-02")]);
  cluster.freeze();
  try {
    await expect(store.take([want("web-01")])).rejects.toMatchObject({ reason: "store_unavailable" });
  } finally {
    cluster.thaw();
  }
  const [taken] = await takenAtLast("web-01");
  // Whether the database did it in between or not: it was undone then, and this take is the one that counts.
  expect(taken?.dispatch.rolloutId).toBe("stable@a1b2c3d4");
  expect((await store.find(key("web-01")))?.state).toBe("delivered");
  expect((await store.take([want("web-01")])).taken.flat()).toEqual([]);
});
