import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Taken } from "../../../src/dispatch/dispatch.js";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import type { SqliteStore } from "../../../src/store/sqlite/store.js";
import { group, host, newDispatch, origin, rollout, want } from "../../support/dispatches.js";
import { FakeClock } from "../../support/fake-clock.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();
const hostnames = ["web-01", "web-02"] as const;
const rollouts = ["stable@aa", "stable@bb"] as const;

type Operation = readonly [
  what: "enqueue" | "supersede" | "take" | "note" | "flush" | "give back" | "fail",
  hostname: (typeof hostnames)[number],
  rolloutId: (typeof rollouts)[number],
];

const operation: fc.Arbitrary<Operation> = fc.tuple(
  fc.constantFrom("enqueue", "supersede", "take", "note", "flush", "give back", "fail"),
  fc.constantFrom(...hostnames),
  fc.constantFrom(...rollouts),
);

/** Runs them, what was taken last being what is flushed, or given back. */
async function run(store: SqliteStore, operations: readonly Operation[]): Promise<void> {
  let last: Taken | undefined;
  for (const [what, hostname, rolloutId] of operations) {
    if (what === "take") last = (await store.take([want(hostname)])).taken[0]?.[0] ?? last;
    else if (what === "note") await store.note({ events: [note(hostname, rolloutId)], seen: [] });
    else if (what === "flush") await store.note({ events: last === undefined ? [] : [flushed(last)], seen: [] });
    else if (what === "fail") await failEnqueue(store, hostname, rolloutId);
    else if (what === "give back") await store.apply(last === undefined ? [] : [{ kind: "giveBack", take: last.take }]);
    else await store.enqueue([{ ...group(newDispatch(hostname, rolloutId)), supersede: what === "supersede" }]);
  }
}

/** As a delivery says it: with the number of the take, whatever has become of the dispatch since. */
function flushed({ take, eventId }: Taken) {
  expect(eventId).toBeTypeOf("number");
  return { ...note(take.hostname, take.rolloutId), changeId: eventId };
}

/** Changes the dispatch, and then nothing, since what comes behind it cannot be kept. */
async function failEnqueue(store: SqliteStore, hostname: string, rolloutId: string): Promise<void> {
  const full = { ...newDispatch("web-03"), maxAttempts: Number.NaN };
  await expect(store.enqueue([group(newDispatch(hostname, rolloutId), full)])).rejects.toThrow();
}

function note(hostname: string, rolloutId: string) {
  const key = { hostname: host(hostname), rolloutId: rollout(rolloutId) };
  const at = instantFromMs(Date.UTC(2026, 4, 16));
  return { ...key, ...origin(), at, kind: "flushed", attempt: 1, detail: "", parkedMs: null } as const;
}

/** Of dispatches that there are: a note on one that is unknown is in the history of all, and of no host. */
async function known(store: SqliteStore) {
  const rows = await store.list({}, undefined, 100);
  const keys = new Set(rows.map(({ hostname, rolloutId }) => `${hostname} ${rolloutId}`));
  const all = await store.listEvents({}, 0, 1_000);
  return all.filter(({ id, hostname, rolloutId }) => {
    const first = all.find(
      (event) => event.hostname === hostname && event.rolloutId === rolloutId && event.kind !== "flushed",
    );
    return keys.has(`${hostname} ${rolloutId}`) && first !== undefined && id >= first.id;
  });
}

describe("the history of a host", () => {
  test("is, from any event on, what the history of all says of it, whatever happened in which order", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        runs += 1;
        const store = openStore(`${path()}-${runs}`);
        await run(store, operations);
        const all = await known(store);
        const last = all.at(-1)?.id ?? 0;
        for (const hostname of hostnames) {
          for (let afterId = 0; afterId <= last; afterId++) {
            const own = all.filter((event) => event.hostname === hostname && event.id > afterId);
            expect(await store.listEvents({ hostname: host(hostname) }, afterId, 1_000)).toEqual(own);
            expect(await store.listEvents({ hostname: host(hostname) }, afterId, 2)).toEqual(own.slice(0, 2));
          }
          for (const rolloutId of rollouts) {
            const key = { hostname: host(hostname), rolloutId: rollout(rolloutId) };
            const own = all.filter((event) => event.hostname === hostname && event.rolloutId === rolloutId);
            expect(await store.latestEvents(key, 3)).toEqual(own.slice(-3));
            expect(await store.listEvents(key, 0, 1_000)).toEqual(own);
          }
        }
        await store.close();
      }),
      { numRuns: 60 },
    );
  });

  test("goes on after a transaction that came to nothing, and uses no number that somebody has seen", async () => {
    const store = openStore(path());
    await store.enqueue([group(newDispatch("web-01"))]);
    await failEnqueue(store, "web-01", "stable@bb");
    await store.take([want("web-01")]);
    const events = await store.listEvents({ hostname: host("web-01") }, 0, 10);
    expect(events.map(({ kind }) => kind)).toEqual(["enqueued", "delivered"]);
    expect(events).toEqual(await store.listEvents({}, 0, 10));
    await store.close();
  });

  test("that was written before it was a chain is linked by the migration, and goes on", async () => {
    writeOldDatabase(path());
    const store = openStore(path(), new FakeClock());
    await store.take([want("web-01")]);
    const kinds = async (hostname: string) =>
      (await store.listEvents({ hostname: host(hostname) }, 0, 10)).map(
        ({ rolloutId, kind }) => `${rolloutId} ${kind}`,
      );
    expect(await kinds("web-01")).toEqual([
      "stable@aa enqueued",
      "stable@bb enqueued",
      "stable@aa delivered",
      "stable@aa flushed",
      "stable@bb delivered",
    ]);
    expect(await kinds("web-02")).toEqual(["stable@aa enqueued"]);
    await store.close();
  });

  test("that was written before it was a chain takes along what is done when it is pruned", async () => {
    writeOldDatabase(path());
    const store = openStore(path(), new FakeClock());
    const removed = [];
    do removed.push(await store.prune(instantFromMs(Date.UTC(2026, 0, 1)), 3));
    while (removed.at(-1) !== 0);
    expect(removed).toEqual([3, 3, 0]);
    expect((await store.list({}, undefined, 10)).map(({ state }) => state)).toEqual(["pending", "pending"]);
    expect((await store.stats()).states).toMatchObject({ pending: 2, delivered: 0 });
    await store.close();
  });
});

/** As the first version of the schema has it: made by its migration, and recorded as drizzle does. */
function writeOldDatabase(file: string): void {
  const sql = readFileSync("src/store/sqlite/migrations/0000_dispatches.sql", "utf8");
  const journal: unknown = JSON.parse(readFileSync("src/store/sqlite/migrations/meta/_journal.json", "utf8"));
  const [first] = (journal as { entries: { when: number }[] }).entries;
  const client = new Database(file);
  for (const statement of sql.split("--> statement-breakpoint")) client.exec(statement);
  client.exec("CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)");
  const hash = createHash("sha256").update(sql).digest("hex");
  client.prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)").run(hash, first?.when);
  const row = client.prepare(
    "INSERT INTO dispatches VALUES (?, ?, '/nix/store/x', 1, NULL, NULL, 10, 1, ?, ?, ?, NULL, NULL, NULL, NULL, 1)",
  );
  row.run("web-01", "stable@aa", 1, "delivered", 1);
  row.run("web-01", "stable@bb", 2, "pending", 0);
  row.run("web-02", "stable@aa", 3, "pending", 0);
  const event = client.prepare("INSERT INTO events VALUES (NULL, 1, ?, ?, ?, 0, 'a', '', 'http', '', NULL)");
  event.run("web-01", "stable@aa", "enqueued");
  event.run("web-01", "stable@bb", "enqueued");
  event.run("web-02", "stable@aa", "enqueued");
  event.run("web-01", "stable@aa", "delivered");
  event.run("web-01", "stable@aa", "flushed");
  client.close();
}
