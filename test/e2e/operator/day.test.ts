import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issue } from "../../../src/pki/issue.js";
import { serverProfile } from "../../../src/pki/profile.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { Scrape } from "../support/metrics.js";
import { untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { type Finished, type LogLine, runProgram, spawnProgram, TestServer } from "../support/server.js";
import { operatorOf } from "./operator.js";

/** 250 hosts with two rollouts each make 500 dispatches. */
const hosts = Array.from({ length: 250 }, (_, i) => `web-${String(i).padStart(3, "0")}`);
const [stable, edge] = ["stable@a1b2", "edge@c3d4"];
const half = hosts.filter((_, i) => i % 2 === 0);
/** Of the half that polls: who asks for a lease and acknowledges, and who comes twice. */
const careful = new Set(half.filter((_, i) => i % 5 === 0));
const twice = half.filter((_, i) => i % 12 === 0);

/** What an agent has got, in order. */
type Diary = { readonly rolloutId: string; readonly acknowledged: boolean }[];

interface WatchLine {
  readonly id: number;
  readonly hostname: string;
  readonly rollout_id: string;
  readonly kind: string;
  readonly actor: string;
}

/** `nixfleet-dispatch watch --json` all day long. */
class Watcher {
  readonly lines: WatchLine[] = [];
  readonly #child: ChildProcess;
  stderr = "";

  constructor(words: readonly string[]) {
    this.#child = spawnProgram(["watch", "--json", "--from-start", ...words]);
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("no pipes");
    createInterface({ input: stdout }).on("line", (line) => this.lines.push(JSON.parse(line)));
    stderr.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
  }

  async until(lastId: number): Promise<void> {
    await expect.poll(() => this.lines.at(-1)?.id ?? 0, { timeout: 40_000 }).toBeGreaterThanOrEqual(lastId);
  }

  /** @returns the exit code */
  async stop(): Promise<unknown> {
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGINT");
    return (await exit)[0];
  }
}

let pki: TestPki;
let server: TestServer;
let watcher: Watcher;
const diaries = new Map<string, Diary>();

beforeAll(async () => {
  pki = await TestPki.create();
  server = await start(0);
  watcher = new Watcher(callers());
});
afterAll(async () => {
  await watcher.stop();
  await server.stop();
  pki.remove();
});

const start = (port: number) =>
  TestServer.start(pki, { db: pki.path("day/dispatch.db"), port, flags: ["--log-level", "debug"] });

/** How the operator's commands find the server and say who calls. */
function callers(): string[] {
  return [
    ...["--server", server.url, "--ca", pki.path("ca.crt")],
    ...["--cert", pki.path("operator.crt"), "--key", pki.path("operator.key")],
  ];
}

/** Runs an operator's command, which has to work. */
async function operator(...words: readonly string[]): Promise<Finished> {
  const finished = await runProgram([...words, ...callers()]);
  expect([words, finished.code, finished.code === 0 ? "" : finished.stderr]).toEqual([words, 0, ""]);
  return finished;
}

async function jsonLines(...words: readonly string[]) {
  const { stdout } = await operator(...words, "--json");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** One poll of an agent, and what it does with what it gets. */
async function pollOnce(hostname: string): Promise<void> {
  const isCareful = careful.has(hostname);
  const agent = new HttpClient(server, pki, await pki.agent(hostname));
  const { status, body } = await agent.poll(isCareful ? "?wait=0&lease_seconds=300" : "?wait=0");
  expect(status).toBe(200);
  const { rollout_id, lease } = JSON.parse(body);
  if (isCareful) {
    const said = await agent.post("/v1/agent/dispatch/ack", { rollout_id, lease_token: lease.token });
    expect(said.status).toBe(200);
  }
  note(hostname, { rolloutId: rollout_id, acknowledged: isCareful });
}

function note(hostname: string, entry: Diary[number]): void {
  diaries.set(hostname, [...(diaries.get(hostname) ?? []), entry]);
}

const entries = () => [...diaries.values()].flat();
const acknowledged = () => entries().filter((entry) => entry.acknowledged).length;

/** The fingerprint of what the server shows to whoever connects now. */
async function shownCertificate(): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: server.port, servername: "localhost", ca: pki.ca.certPem });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** What the counters stood at when the first process ended. */
let firstProcess: Scrape;
let firstLog: readonly LogLine[];

describe("an operator's day", () => {
  test("in the morning 500 dispatches are enqueued, from a file", async () => {
    const lines = [stable, edge].flatMap((rollout_id) =>
      hosts.map((host) => JSON.stringify(wireDispatch(host, { rollout_id }))),
    );
    writeFileSync(pki.path("plan.jsonl"), `${lines.join("\n")}\n`);
    const { stdout } = await operator("enqueue", "--file", pki.path("plan.jsonl"));
    expect(stdout).toBe("500 dispatches enqueued: 500 created, 0 replaced\n");
  });

  test("half of the hosts poll, while somebody watches", async () => {
    await Promise.all(half.map(pollOnce));
    for (const hostname of twice) await pollOnce(hostname);
    expect(entries().length).toBe(half.length + twice.length);
    // Oldest first: the first poll of each brought the first rollout.
    expect([...diaries.values()].every(([first]) => first?.rolloutId === stable)).toBe(true);
    const [stats] = await jsonLines("stats");
    await watcher.until(stats.last_event_id);
    const seen = watcher.lines.filter(({ kind }) => kind === "delivered" || kind === "leased");
    expect(seen.map(({ hostname, rollout_id }) => `${hostname} ${rollout_id}`).sort()).toEqual(
      [...diaries].flatMap(([hostname, diary]) => diary.map(({ rolloutId }) => `${hostname} ${rolloutId}`)).sort(),
    );
  });

  test("one rollout is cancelled: what has been handed out is too late, the rest is gone", async () => {
    const before = await jsonLines("cancel", "--rollout", edge, "--dry-run");
    expect(before.filter(({ outcome }) => outcome === "cancelled").length).toBe(hosts.length - twice.length);
    const results = await jsonLines("cancel", "--rollout", edge, "--reason", "does not boot", "--yes");
    const hostsOf = (outcome: string) =>
      results.filter((result) => result.outcome === outcome).map(({ hostname }) => hostname);
    expect(hostsOf("cancelled").length).toBe(hosts.length - twice.length);
    expect(hostsOf("too_late").sort()).toEqual([...twice].sort());
  });

  test("a host that is parked is revoked: its poll is cut, and it does not get in again", async () => {
    const thief = new HttpClient(server, pki, await pki.agent("stolen"));
    const poll = thief.poll("?wait=60").then(
      ({ status }) => status,
      () => "cut",
    );
    await untilParked(server, "stolen");
    await operator("revoke", "stolen", "--reason", "left in a train", "--yes");
    expect(["cut", 401]).toContain(await poll);
    await operator("enqueue", ...wordsOf("stolen", stable));
    expect((await thief.poll("?wait=0")).status).toBe(401);
    const [revocation] = await jsonLines("revocations");
    expect(revocation).toMatchObject({ hostname: "stolen", reason: "left in a train", revoked_by: "operator-test" });
  });

  test("the server's certificate is rotated under a parked poll, which does not notice", async () => {
    const bystander = new HttpClient(server, pki, await pki.agent("parked"));
    const poll = bystander.poll("?wait=60");
    await untilParked(server, "parked");
    const before = await shownCertificate();
    pki.write("server", await issue(serverProfile(["localhost", "127.0.0.1"], { now: new Date(), days: 30 }), pki.ca));
    server.kill("SIGHUP");
    await server.logged(({ msg }) => String(msg).startsWith("reloaded"));
    expect(await shownCertificate()).not.toBe(before);
    await operator("enqueue", ...wordsOf("parked", stable));
    expect((await poll).status).toBe(200);
    note("parked", { rolloutId: stable, acknowledged: false });
  });

  test("before the restart, the metrics are what the agents saw", async () => {
    const total = entries().length;
    await expect
      .poll(async () => (await Scrape.of(server)).value("deliveries_total", { outcome: "flushed" }))
      .toBe(total);
    firstProcess = await Scrape.of(server);
    const value = (name: string, labels: Record<string, string>) => firstProcess.value(name, labels);
    expect(value("deliveries_total", { outcome: "flushed", wire: "http" })).toBe(total);
    expect(value("deliveries_total", { outcome: "acknowledged" })).toBe(acknowledged());
    expect(value("deliveries_total", { outcome: "lost" })).toBe(0);
    expect(value("enqueued_total", { outcome: "created" })).toBe(502);
    expect(value("ended_total", { state: "cancelled" })).toBe(hosts.length - twice.length);
    expect(value("refused_certificates_total", { reason: "revoked" })).toBeGreaterThanOrEqual(1);
    expect(firstProcess.count("enqueue_to_delivery_seconds")).toBe(total);
    // Only the poll that was parked had to be woken.
    expect(firstProcess.count("wake_to_flush_seconds")).toBe(1);
  });

  test("drain and restart: parked polls get 503, the watch goes on by itself", async () => {
    const agent = new HttpClient(server, pki, await pki.agent("late"));
    const poll = agent.poll("?wait=60");
    await untilParked(server, "late");
    const { port } = server;
    server.kill("SIGTERM");
    expect((await poll).status).toBe(503);
    expect(await server.exited()).toBe(0);
    firstLog = server.log;
    server = await start(port);
    const again = new HttpClient(server, pki, await pki.agent("late")).poll("?wait=60");
    await untilParked(server, "late");
    await operator("enqueue", ...wordsOf("late", stable));
    expect((await again).status).toBe(200);
    note("late", { rolloutId: stable, acknowledged: false });
    // Who is revoked stays so.
    expect((await new HttpClient(server, pki, await pki.agent("stolen")).poll("?wait=0")).status).toBe(401);
  });
});

describe("in the evening", () => {
  test("stats, metrics and the list agree with what the agents saw", async () => {
    const delivered = entries().length - acknowledged();
    const cancelled = hosts.length - twice.length;
    const pending = 503 - entries().length - cancelled;
    const [stats] = await jsonLines("stats");
    expect(stats.states).toMatchObject({
      delivered,
      acknowledged: acknowledged(),
      cancelled,
      pending,
      leased: 0,
      dead: 0,
    });
    expect(stats.parked_polls).toBe(0);
    const scrape = await Scrape.of(server);
    for (const [state, count] of Object.entries(stats.states)) {
      await expect.poll(async () => (await Scrape.of(server)).value("dispatches", { state })).toBe(count);
    }
    expect(firstProcess.value("enqueued_total") + scrape.value("enqueued_total")).toBe(503);
    const listed = await jsonLines("list");
    expect(listed.length).toBe(503);
    const inState = (state: string) => listed.filter((dispatch) => dispatch.state === state).length;
    expect([inState("delivered"), inState("cancelled"), inState("pending")]).toEqual([delivered, cancelled, pending]);
  });

  test("the watch has told every event once, in order, over the restart", async () => {
    const [stats] = await jsonLines("stats");
    await watcher.until(stats.last_event_id);
    const ids = watcher.lines.map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: stats.last_event_id }, (_, i) => i + 1));
    expect(watcher.stderr).toMatch(/warning: .*; connecting again in .*\n(warning: .*\n)*connected again\n/);
    const { queue } = operatorOf(server, pki);
    const kinds = new Map<string, number>();
    for (const { kind } of watcher.lines) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    expect(Object.fromEntries(kinds)).toEqual({
      enqueued: 503,
      delivered: entries().length - acknowledged(),
      leased: acknowledged(),
      flushed: entries().length,
      acknowledged: acknowledged(),
      cancelled: hosts.length - twice.length,
    });
    const { events } = await queue.listEvents({ pageSize: 1_000 });
    expect(events.map(({ id, hostname }) => `${id} ${hostname}`)).toEqual(
      watcher.lines.slice(0, events.length).map(({ id, hostname }) => `${id} ${hostname}`),
    );
  });

  test("hosts know who polled, what each got last, and what waits, over the restart", async () => {
    const listed = await jsonLines("hosts");
    const names = [...hosts, "late", "parked", "stolen"].sort();
    expect(listed.map(({ hostname }) => hostname)).toEqual(names);
    for (const host of listed) {
      const diary = diaries.get(host.hostname) ?? [];
      const hasPolled = diary.length > 0 || host.hostname === "stolen";
      const waiting = host.hostname === "stolen" ? 1 : hosts.includes(host.hostname) && diary.length === 0 ? 1 : 0;
      expect([host.hostname, host.last_seen_at !== null, host.last_rollout_id, host.pending]).toEqual([
        host.hostname,
        hasPolled,
        diary.at(-1)?.rolloutId ?? null,
        waiting,
      ]);
    }
  });

  test("the logs have a line for everything that the operator did, and for nothing else", () => {
    const audits = [...firstLog, ...server.log].filter(({ msg }) => msg === "audit");
    expect(audits.every(({ operator }) => operator === "operator-test")).toBe(true);
    expect(audits.map(({ audit }) => audit)).toEqual(["enqueue", "cancel", "revoke", "enqueue", "enqueue", "enqueue"]);
  });
});

function wordsOf(hostname: string, rolloutId: string): string[] {
  const { target_closure } = wireDispatch(hostname);
  return ["--host", hostname, "--rollout", rolloutId, "--closure", target_closure, "--soak", "5m"];
}
