import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { TestPki } from "../e2e/support/pki.js";
import { BarOfRounds, LineOfRound } from "./progress.js";
import { summaryLines } from "./report.js";
import { run } from "./run.js";
import type { Tally } from "./tally.js";

const help = `usage: npm run torture -- [options]

Puts the built server under load, kills it again and again, and holds what its clients saw to what it promises.

  --minutes N    how long there is load; servers are killed about 25 times a minute (default: 10)
  --seed N       repeats the random choices of a run (default: another one each time)
  --hosts N      how many hosts there are (default: 24)
  --servers N    how many servers share the queue (default: 1; more need a PostgreSQL)
  --postgres     on a PostgreSQL of its own, started for it
  --db DB        where the queue is, as for serve --db (default: a new SQLite file)
  --within MS    how long something may wait beside a poll that waits for it (default: 1000)
  --help         this text

exit codes: 0 every promise held, 1 one was broken or a server crashed, 2 a wrong option, 130 interrupted`;

const binary = resolve("dist/src/main.js");

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (typeof options === "string") {
    console.error(`error: ${options}\nhint: npm run torture -- --help`);
    return 2;
  }
  if (options.help) {
    console.log(help);
    return 0;
  }
  if (!existsSync(binary)) {
    console.error(`error: ${binary} is not there\nhint: npm run build`);
    return 2;
  }
  return await torture(options);
}

type Options = Exclude<ReturnType<typeof parse>, string>;

async function torture(options: Options): Promise<number> {
  const pki = await TestPki.create();
  const cluster = options.postgres ? await startCluster() : undefined;
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  const startedMs = performance.now();
  try {
    const tally = await runWithProgress(options, pki, {
      db: cluster === undefined ? (options.db ?? pki.path("dispatch.db")) : cluster.url(await cluster.createDatabase()),
      stop: interrupt.signal,
    });
    console.log(summaryLines(tally, options.seed, performance.now() - startedMs).join("\n"));
    if (!tally.isGood) return 1;
    pki.remove();
    return interrupt.signal.aborted ? 130 : 0;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    // Ctrl-C reaches the PostgreSQL too, and nothing can be fetched from the servers then.
    console.error("interrupted");
    return 130;
  } finally {
    await cluster?.stop();
  }
}

/** Loaded only where it is wanted, since the package that runs PostgreSQL ends the process on SIGINT by itself. */
async function startCluster() {
  const { Cluster } = await import("../support/postgres/cluster.js");
  const cluster = await Cluster.start({ fsync: true });
  process.removeAllListeners("SIGINT");
  return cluster;
}

async function runWithProgress(
  { minutes, seed, hosts, servers, within }: Options,
  pki: TestPki,
  { db, stop }: { readonly db: string; readonly stop: AbortSignal },
): Promise<Tally> {
  const loadMs = minutes * 60_000;
  const show = process.stderr.isTTY ? new BarOfRounds(loadMs) : new LineOfRound();
  const tally = await run({
    ...{ binary, pki, db, seed, hosts, servers, loadMs, withinMs: within, stop },
    ...{ roundMs: 30_000, uptimeMs: 1_000, aloneEvery: 6, quietMs: 60_000 },
    onProgress: (now, leftMs) => show.progress(now, leftMs),
  });
  show.end();
  return tally;
}

function parse(args: readonly string[]) {
  const number = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { minutes: number, seed: number, hosts: number, servers: number, within: number, db: number };
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, postgres: flag, help: flag } });
    return {
      minutes: positive("minutes", values.minutes ?? "10"),
      seed: whole("seed", values.seed ?? String(randomInt(2 ** 31))),
      hosts: whole("hosts", values.hosts ?? "24", 1),
      servers: whole("servers", values.servers ?? "1", 1),
      within: positive("within", values.within ?? "1000"),
      postgres: values.postgres === true,
      db: values.db,
      help: values.help === true,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function whole(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be a whole number from ${least}, is ${text}`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} must be a number above 0, is ${text}`);
}

const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  return 1;
});
// Not only its exit code: after an error, agents of servers that are not there any more would go on for ever.
process.exit(code);
