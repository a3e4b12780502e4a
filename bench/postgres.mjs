#!/usr/bin/env node
// What the PostgreSQL store costs, what its alternatives would cost, and what a past does to both stores. The figures of
// docs/scaling.md and of two pages of docs/decisions come from here. `npm run build` first.
//
//   node bench/postgres.mjs                 everything, some minutes
//   node bench/postgres.mjs costs,wake      these only: costs, takes, order, age, wake

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { leaseTokenFrom } from "../dist/src/dispatch/lease.js";
import { taken } from "../dist/src/dispatch/life.js";
import { dispatchColumns, names } from "../dist/src/store/postgres/columns.js";
import { Database } from "../dist/src/store/postgres/database.js";
import { parseDatabaseUrl } from "../dist/src/store/postgres/database-url.js";
import { tell } from "../dist/src/store/postgres/history.js";
import { channel, hostPayloads } from "../dist/src/store/postgres/notify.js";
import { rowFrom, updateRows } from "../dist/src/store/postgres/rows.js";
import { SqliteStore } from "../dist/src/store/sqlite/store.js";
import { bootId, systemClock } from "../dist/src/telemetry/clock.js";
import { machine, machineText } from "./report/machine.mjs";
import { openPostgresStore, startPostgres } from "./support/postgres.mjs";
import { percentile } from "./support/statistics.mjs";
import { wakeAcrossServers } from "./works/wake-across.mjs";

const works = { costs, takes, order, age, wake };
const asked = process.argv[2]?.split(",") ?? Object.keys(works);
const newToken = () => leaseTokenFrom(randomBytes(16));
const origin = { actor: "operator-bench", address: "127.0.0.1", wire: "http" };
const once = { terms: { kind: "once" }, origin, parkedMs: null };
const folder = mkdtempSync(join(tmpdir(), "nixfleet-bench-"));
const postgres = await startPostgres();
const hostname = (n) => `host-${n}`;

function group(first, count, rollout = "stable@a1") {
  const dispatches = Array.from({ length: count }, (_, i) => ({
    hostname: hostname(first + i),
    rolloutId: rollout,
    targetClosure: `/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-${hostname(first + i)}-26.05`,
    soakDueAt: 1_778_895_000_000_000,
    notBefore: null,
    notAfter: null,
    maxAttempts: 10,
  }));
  return { dispatches, supersede: false, origin };
}

const wants = (first, count) =>
  Array.from({ length: count }, (_, i) => ({ hostname: hostname(first + i), takers: [once] }));

async function openBoth() {
  const clock = { ...systemClock, bootId: bootId() };
  return {
    sqlite: SqliteStore.open(join(mkdtempSync(join(folder, "s-")), "dispatch.db"), { clock, newToken }),
    postgres: await openPostgresStore(postgres.url(await postgres.createDatabase()), "bench", newToken),
  };
}

/** Wall time and CPU of `n` things, each so many at a time: `run(first, count)`. In microseconds for each. */
async function cost(n, batch, run) {
  const [startedMs, cpu, databaseMs] = [performance.now(), process.cpuUsage(), postgres.cpuMs()];
  for (let first = 0; first < n; first += batch) await run(first, Math.min(batch, n - first));
  const used = process.cpuUsage(cpu);
  const each = (ms) => (ms * 1_000) / n;
  return {
    wall: each(performance.now() - startedMs),
    server: each((used.user + used.system) / 1_000),
    database: each(postgres.cpuMs() - databaseMs),
  };
}

const microseconds = ({ wall, server, database }) =>
  `${wall.toFixed(1).padStart(9)} wall ${server.toFixed(1).padStart(8)} server ${database.toFixed(1).padStart(8)} database`;

/** What one thing of each kind costs, in microseconds. */
async function costs() {
  for (const [name, store] of Object.entries(await openBoth())) {
    const say = async (what, n, batch, run) =>
      console.log(
        `${name.padEnd(9)} ${what.padEnd(28)} ${String(batch).padStart(5)} at a time ${microseconds(await cost(n, batch, run))}`,
      );
    await store.enqueue([group(0, 2_000)]);
    await store.take(wants(0, 2_000));
    await say("enqueue", 20_000, 1_000, (first, count) => store.enqueue([group(first, count)]));
    await say("enqueue", 500, 1, (first, count) => store.enqueue([group(first, count, "beta@b2")]));
    await say("look that finds nothing", 51_200, 256, (first, count) => store.take(wants(100_000 + first, count)));
    await say("look that finds nothing", 1_000, 1, (first, count) => store.take(wants(100_000 + first, count)));
    await say("take", 20_000 - 500, 256, (first, count) => store.take(wants(500 + first, count)));
    await say("take", 500, 1, (first, count) => store.take(wants(first, count)));
    const seen = (first, count) =>
      Array.from({ length: count }, (_, i) => ({
        hostname: hostname(first + i),
        lastSeenAt: Date.now() * 1_000,
        address: "192.0.2.7",
        wire: "http",
        agentVersion: "bench",
        certificateNotAfter: null,
      }));
    await say("host seen for the first time", 20_000, 500, (first, count) =>
      store.note({ events: [], seen: seen(first, count) }),
    );
    await say("host seen again", 40_000, 500, (first, count) =>
      store.note({ events: [], seen: seen(first % 20_000, count) }),
    );
    await store.close();
  }
}

/** One statement for a batch of takes against: hold the rows, ask the rules, write. */
async function takes() {
  const url = postgres.url(await postgres.createDatabase());
  const store = await openPostgresStore(url, "bench", newToken);
  const options = { address: parseDatabaseUrl(url), applicationName: "bench", log: console, poolSize: 4 };
  const limits = {
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
    lockTimeoutMs: 60_000,
    idleInTransactionTimeoutMs: 60_000,
  };
  const database = new Database({ ...options, ...limits });
  const ways = { "one statement": (all) => store.take(all), "hold, ask, write": (all) => takeInSteps(database, all) };
  for (const batch of [1, 16, 256]) {
    const n = batch === 1 ? 500 : 5_120;
    for (const [name, way] of Object.entries(ways)) {
      await store.enqueue([group(0, n)]);
      const full = await cost(n, batch, (first, count) => way(wants(first, count)));
      const empty = await cost(n, batch, (first, count) => way(wants(100_000 + first, count)));
      console.log(
        `${name.padEnd(18)} ${String(batch).padStart(4)} hosts  take ${microseconds(full)}   nothing there ${microseconds(empty)}`,
      );
    }
  }
  await database.close();
  await store.close();
}

const heldText = `
SELECT w.n, clock_timestamp() AS now, d.* FROM unnest($1::text[]) WITH ORDINALITY AS w (hostname, n)
CROSS JOIN LATERAL (
  SELECT ${names(dispatchColumns)} FROM dispatches
  WHERE hostname = w.hostname AND state = 'pending'
    AND (not_before IS NULL OR not_before <= clock_timestamp()) AND (not_after IS NULL OR not_after > clock_timestamp())
  ORDER BY enqueued_at, sequence LIMIT 1 FOR UPDATE SKIP LOCKED
) AS d`;

function takeInSteps(database, all) {
  return database.transaction(async (session) => {
    const hosts = all.map(({ hostname }) => hostname);
    const { rows } = await session.query({ name: "held", text: heldText, values: [hosts] });
    if (rows.length === 0) return;
    const changes = rows.map((row) => taken(rowFrom(row), once, { now: row.now, steady: row.now }, newToken));
    await updateRows(
      session,
      changes.map(({ row }) => row),
    );
    await tell(
      session,
      changes.map(({ event }) => event),
      [],
      { channel, payloads: (names) => hostPayloads("b", names) },
    );
  });
}

/** Ways to have events seen in the order of their ids: small transactions of several servers at once. */
async function order() {
  const database = await postgres.createDatabase();
  await (await openPostgresStore(postgres.url(database), "bench", newToken)).close();
  const ways = {
    nothing: "SELECT 1",
    "shared locks, a horizon":
      "SELECT pg_advisory_xact_lock_shared(4000000000000000000 + last_value) FROM events_id_seq",
    "one exclusive lock": "SELECT pg_advisory_xact_lock(4000000000000000000)",
  };
  for (const connections of [1, 4, 16]) {
    for (const [name, lock] of Object.entries(ways)) {
      const text = `WITH guard AS MATERIALIZED (${lock}) INSERT INTO events (at, hostname, rollout_id, kind, attempt, actor, address, wire, detail)
        SELECT now(), 'h', 's@1', 'leased', 1, '', '', '', '' FROM guard CROSS JOIN generate_series(1, 4)`;
      const clients = await Promise.all(
        Array.from({ length: connections }, async () => {
          const client = new pg.Client({ connectionString: postgres.url(database) });
          await client.connect();
          return client;
        }),
      );
      let done = 0;
      const endMs = performance.now() + 3_000;
      await Promise.all(
        clients.map(async (client) => {
          for (; performance.now() < endMs; done += 1) await client.query({ name: "insert", text });
        }),
      );
      console.log(
        `${name.padEnd(26)} ${String(connections).padStart(3)} writers ${Math.round(done / 3)
          .toString()
          .padStart(6)} commits/s`,
      );
      await Promise.all(clients.map((client) => client.end()));
    }
  }
}

/** 1,000,000 rows of history and 100,000 that wait, against nothing. */
async function age() {
  const [done, pending] = [450_000, 100_000];
  const [aged, empty] = [await openBoth(), await openBoth()];
  for (const name of ["sqlite", "postgres"]) {
    const store = aged[name];
    for (let first = 0; first < done; first += 5_000) {
      await store.enqueue([group(1_000_000 + first, 5_000)]);
      await store.take(wants(1_000_000 + first, 5_000));
    }
    for (let first = 0; first < pending; first += 5_000) await store.enqueue([group(2_000_000 + first, 5_000)]);
    const measured = {};
    for (const [which, one] of [
      ["aged", store],
      ["empty", empty[name]],
    ]) {
      measured[which] = { enqueue: [], take: [], look: [] };
      for (let round = 0; round < 60; round += 1) {
        const time = async (what, run) => {
          const startedMs = performance.now();
          await run();
          // The first rounds find caches cold.
          if (round >= 20) measured[which][what].push(performance.now() - startedMs);
        };
        await time("enqueue", () => one.enqueue([group(256 * (round % 20), 256)]));
        await time("take", () => one.take(wants(256 * (round % 20), 256)));
        await time("look", () => one.take(wants(256 * (round % 20), 256)));
      }
    }
    for (const what of ["enqueue", "take", "look"]) {
      const [a, e] = [percentile(measured.aged[what], 50), percentile(measured.empty[what], 50)];
      console.log(
        `${name.padEnd(9)} ${what.padEnd(8)} of 256: ${a.toFixed(2)} ms aged, ${e.toFixed(2)} ms empty, ${(a / e).toFixed(2)} times`,
      );
    }
    const events = await store.lastEventId();
    console.log(`${name.padEnd(9)} had ${events} events`);
  }
  for (const store of [...Object.values(aged), ...Object.values(empty)]) await store.close();
}

/** From the enqueue's call at one server to the whole answer of a poll at another. */
async function wake() {
  const database = await postgres.createDatabase();
  for (const [where, ms] of Object.entries(await wakeAcrossServers(postgres.url(database), folder))) {
    const at = (percent) => percentile(ms, percent).toFixed(1);
    console.log(`${where.padEnd(16)} p50 ${at(50)} ms  p99 ${at(99)} ms  of ${ms.length}`);
  }
}

try {
  console.log(machineText(machine()));
  for (const name of asked) {
    console.log(`\n## ${name}`);
    await works[name]();
  }
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
