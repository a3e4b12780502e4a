import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import { group, newDispatch, want } from "../../support/dispatches.js";
import { emptyDatabase } from "../../support/postgres/shared.js";
import { storeOptions } from "../../support/postgres/store.js";

let stores: PostgresStore[];
beforeEach(async () => {
  const url = await emptyDatabase();
  stores = await Promise.all([1, 2, 3].map((n) => PostgresStore.open(storeOptions(url, { serverId: `server-${n}` }))));
});
afterEach(() => Promise.all(stores.map((store) => store.close())));

const hosts = Array.from({ length: 40 }, (_, i) => `web-${i}`);
const refs = ["aa", "bb", "cc", "dd"];

describe("several servers at once", () => {
  test("take each dispatch once, and leave none", async () => {
    const [first] = stores;
    await first?.enqueue([group(...hosts.flatMap((host) => refs.map((ref) => newDispatch(host, `s@${ref}`))))]);
    const taken: string[] = [];
    const takeAll = async (store: PostgresStore) => {
      for (let nothing = 0; nothing < 3; ) {
        const receipt = await store.take(hosts.map((host) => want(host)));
        const names = receipt.taken.flat().map(({ take }) => `${take.hostname} ${take.rolloutId}`);
        taken.push(...names);
        nothing = names.length === 0 ? nothing + 1 : 0;
      }
    };
    await Promise.all(stores.map(takeAll));
    expect(new Set(taken).size).toBe(hosts.length * refs.length);
    expect(taken).toHaveLength(hosts.length * refs.length);
  });

  test("enqueue the same pairs, superseding each other, in any order, without a deadlock and without a doubt", async () => {
    const dispatches = refs.flatMap((ref) => hosts.map((host) => newDispatch(host, `s@${ref}`)));
    const orders = [
      dispatches,
      dispatches.toReversed(),
      dispatches.toSorted((a, b) => (a.hostname < b.hostname ? 1 : -1)),
    ];
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(stores.map((store, i) => store.enqueue([{ ...group(...(orders[i] ?? [])), supersede: true }])));
    }
    const rows = (await stores[0]?.list({ states: ["pending"] }, undefined, 1_000)) ?? [];
    // Of each host's channel the last one of the last enqueue is left.
    expect(rows.map(({ hostname }) => hostname).toSorted()).toEqual(hosts.toSorted());
  });

  test("settle what is due between them, each row once", async () => {
    const [first] = stores;
    const lease = { kind: "lease", leaseMs: 1 } as const;
    await first?.enqueue([group(...hosts.map((host) => newDispatch(host)))]);
    await first?.take(
      hosts.map((host) => want(host, { terms: lease, origin: { actor: "", address: "", wire: "" }, parkedMs: null })),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    await Promise.all(stores.map((store) => store.settleDue(1_000)));
    const events = (await first?.listEvents({}, 0, 1_000)) ?? [];
    expect(events.filter(({ kind }) => kind === "lease_expired")).toHaveLength(hosts.length);
  });
});
