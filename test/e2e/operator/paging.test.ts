import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { newDispatches, type Operator, operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
let operator: Operator;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki);
  operator = operatorOf(server, pki);
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

const lasting = Array.from({ length: 120 }, (_, i) => `host-${String(i).padStart(3, "0")}`);

/** What somebody else does while pages are read: hosts come and go between those that stay. */
type Disturbance =
  | { readonly kind: "enqueue"; readonly hosts: readonly number[] }
  | { readonly kind: "cancel"; readonly host: number }
  | { readonly kind: "nothing" };

const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  fc.record({
    kind: fc.constant("enqueue" as const),
    hosts: fc.array(fc.nat(119), { minLength: 1, maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant("cancel" as const), host: fc.nat(119) }),
  fc.constant({ kind: "nothing" as const }),
);

/** A host that did not stand there before, somewhere between the others. */
const passing = (i: number) => `host-${String(i).padStart(3, "0")}-passing`;

async function disturb(what: Disturbance): Promise<void> {
  if (what.kind === "enqueue") {
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(what.hosts.map(passing), "noise@aa") });
  } else if (what.kind === "cancel") {
    await operator.queue.cancelDispatches({ hostname: passing(what.host), rolloutId: "noise@aa" });
  }
}

/** Reads page after page, while others write: the next page is asked for without waiting for a disturbance to be over. */
async function walk<Item>(
  page: (pageToken: string) => Promise<{ readonly items: readonly Item[]; readonly nextPageToken: string }>,
  disturbances: readonly Disturbance[],
): Promise<Item[]> {
  const all: Item[] = [];
  const underWay: Promise<void>[] = [];
  let token = "";
  for (let i = 0; ; i += 1) {
    const { items, nextPageToken } = await page(token);
    all.push(...items);
    token = nextPageToken;
    if (token === "") break;
    underWay.push(disturb(disturbances[i % disturbances.length] ?? { kind: "nothing" }));
    // Every other one is over before the next page, so that pages surely differ.
    if (i % 2 === 0) await underWay.at(-1);
  }
  await Promise.all(underWay);
  return all;
}

const plans = [fc.integer({ min: 1, max: 70 }), fc.array(disturbance, { minLength: 1, maxLength: 8 })] as const;

describe("pages, whatever happens between them and while they are read", () => {
  beforeAll(async () => {
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(lasting, "stable@aa") });
  });

  test("of dispatches: each that stays is on exactly one page, in order", async () => {
    await fc.assert(
      fc.asyncProperty(...plans, async (pageSize, disturbances) => {
        const seen = await walk(async (pageToken) => {
          const { dispatches, nextPageToken } = await operator.queue.listDispatches({ pageSize, pageToken });
          return { items: dispatches, nextPageToken };
        }, disturbances);
        const keys = seen.map(({ hostname, rolloutId }) => `${hostname} ${rolloutId}`);
        expect(keys).toEqual([...new Set(keys)].sort());
        expect(seen.filter(({ rolloutId }) => rolloutId === "stable@aa").map(({ hostname }) => hostname)).toEqual(
          lasting,
        );
      }),
      { numRuns: 20 },
    );
  });

  test("of hosts: each that stays is on exactly one page, in order", async () => {
    await fc.assert(
      fc.asyncProperty(...plans, async (pageSize, disturbances) => {
        const seen = await walk(async (pageToken) => {
          const { hosts, nextPageToken } = await operator.queue.listHosts({ pageSize, pageToken });
          return { items: hosts.map(({ presence }) => presence?.hostname ?? ""), nextPageToken };
        }, disturbances);
        expect(seen).toEqual([...new Set(seen)].sort());
        expect(seen.filter((hostname) => !hostname.endsWith("passing"))).toEqual(lasting);
      }),
      { numRuns: 20 },
    );
  });

  test("of events: every id once, ascending, and nothing that had happened before the first page is missing", async () => {
    await fc.assert(
      fc.asyncProperty(...plans, async (pageSize, disturbances) => {
        const { lastEventId } = await operator.queue.getStats({});
        const seen = await walk(async (pageToken) => {
          const { events, nextPageToken } = await operator.queue.listEvents({ pageSize: pageSize + 30, pageToken });
          return { items: events.map(({ id }) => id), nextPageToken };
        }, disturbances);
        const before = seen.filter((id) => id <= lastEventId);
        expect(before).toEqual(Array.from({ length: Number(lastEventId) }, (_, i) => BigInt(i + 1)));
        expect(seen).toEqual([...new Set(seen)].sort((a, b) => Number(a - b)));
      }),
      { numRuns: 5 },
    );
  });

  test("the control: pages by offset, which is what a naive list does, lose or repeat something", async () => {
    const offsetWalk = async () => {
      const seen: string[] = [];
      for (let offset = 0; ; offset += 10) {
        const { dispatches } = await operator.queue.listDispatches({
          pageSize: 1_000,
          states: [DispatchState.PENDING],
        });
        const page = dispatches.slice(offset, offset + 10);
        if (page.length === 0) return seen;
        seen.push(...page.map(({ hostname, rolloutId }) => `${hostname} ${rolloutId}`));
        await disturb(offset % 20 === 0 ? { kind: "enqueue", hosts: [0, 1, 2] } : { kind: "cancel", host: offset % 3 });
      }
    };
    const seen = await offsetWalk();
    expect(new Set(seen).size).toBeLessThan(seen.length);
  });
});

describe("filters", () => {
  const hostnamesOf = async (filter: Parameters<Operator["queue"]["listDispatches"]>[0]) =>
    (await operator.queue.listDispatches({ pageSize: 1_000, ...filter })).dispatches.map(
      ({ hostname, rolloutId }) => `${hostname} ${rolloutId}`,
    );

  beforeAll(async () => {
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["fa", "fab", "fb"], "edge@01") });
    await operator.queue.enqueueDispatches({ dispatches: newDispatches(["fa"], "edge-2@01") });
    await operator.queue.cancelDispatches({ hostname: "fb", rolloutId: "edge@01" });
  });

  test("by host, prefix, rollout, channel and state, alone and together", async () => {
    expect(await hostnamesOf({ hostname: "fa" })).toEqual(["fa edge-2@01", "fa edge@01"]);
    expect(await hostnamesOf({ hostnamePrefix: "fa" })).toEqual(["fa edge-2@01", "fa edge@01", "fab edge@01"]);
    expect(await hostnamesOf({ rolloutId: "edge@01" })).toEqual(["fa edge@01", "fab edge@01", "fb edge@01"]);
    expect(await hostnamesOf({ channel: "edge" })).toEqual(["fa edge@01", "fab edge@01", "fb edge@01"]);
    expect(await hostnamesOf({ channel: "edge", states: [DispatchState.CANCELLED] })).toEqual(["fb edge@01"]);
    expect(await hostnamesOf({ channel: "edge", hostnamePrefix: "fa" })).toEqual(["fa edge@01", "fab edge@01"]);
  });

  test("by when they were enqueued: from, included, and to, excluded", async () => {
    const { dispatches } = await operator.queue.listDispatches({ hostname: "fa", channel: "edge-2" });
    const enqueuedAt = dispatches[0]?.enqueuedAt;
    if (enqueuedAt === undefined) throw new Error("not there");
    const channel = "edge-2";
    expect(await hostnamesOf({ channel, enqueuedAfter: enqueuedAt })).toEqual(["fa edge-2@01"]);
    expect(await hostnamesOf({ channel, enqueuedBefore: enqueuedAt })).toEqual([]);
  });

  test.each([
    ["hostname=fa&hostname_prefix=f", /^hostname_prefix: excludes hostname/],
    ["rollout_id=edge@01&channel=edge", /^channel: excludes rollout_id/],
    ["page_size=1001", /^page_size: must be 1 to 1000/],
    ["page_token=bm8", /^page_token: must be/],
    ["states=DISPATCH_STATE_UNSPECIFIED", /^states\[0\]: must be/],
    ["channel=Stable", /^channel: must match/],
  ])("GET /v1/dispatches?%s is refused, naming field and rule", async (query, message) => {
    const { status, body } = await operator.http.ask(`/v1/dispatches?${query}`);
    expect([status, JSON.parse(body).message]).toEqual([400, expect.stringMatching(message)]);
  });

  test("a page token of one list is refused by another", async () => {
    const { nextPageToken } = await operator.queue.listDispatches({ pageSize: 1 });
    await expect(operator.queue.listDispatches({ hostname: "fa", pageToken: nextPageToken })).rejects.toThrow(
      /page_token/,
    );
  });
});
