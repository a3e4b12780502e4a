import { once } from "node:events";
import { renameSync } from "node:fs";
import { createConnection } from "node:net";
import { connect as connectTls } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentService } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { connectRaw, HttpClient, rawPoll, wireDispatch } from "../support/client.js";
import { Scrape } from "../support/metrics.js";
import { untilParked } from "../support/parked.js";
import { otherCa, TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
beforeEach(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
});
afterEach(async () => {
  await server.stop();
  pki.remove();
});

const scrape = () => Scrape.of(server);

/** Scrapes until it shows what is awaited: some things are counted a little after they were answered. */
async function untilShown(isThere: (scrape: Scrape) => boolean): Promise<Scrape> {
  for (;;) {
    const now = await scrape();
    if (isThere(now)) return now;
  }
}

const rollout = (i: number) => ({ rollout_id: `stable@${i.toString(16).padStart(2, "0")}` });

describe("the page", () => {
  test("follows Prometheus's naming: base units, and _total on counters and nowhere else", async () => {
    const { families } = await scrape();
    const own = [...families].filter(([name]) => name.startsWith("nixfleet_dispatch_"));
    expect(own.length).toBeGreaterThan(20);
    for (const [name, { type, help }] of own) {
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb)(_|$)/);
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
    }
  });

  test("has no label that tells hosts, rollouts or operators apart", async () => {
    await operator.enqueue(wireDispatch("web-01"));
    await new HttpClient(server, pki, await pki.agent("web-01")).poll("?wait=0");
    const { text } = await untilShown((now) => now.value("deliveries_total", { outcome: "flushed" }) === 1);
    expect(text).not.toMatch(/web-01|stable@|operator-test/);
  });

  test("shows what has not happened yet as 0, so that an increase can be seen from the first one on", async () => {
    const now = await scrape();
    for (const outcome of ["flushed", "lost", "confirmed", "acknowledged", "rejected"]) {
      for (const wire of ["http", "connect", "grpc", "grpc-web"]) {
        expect(now.value("deliveries_total", { outcome, wire })).toBe(0);
      }
    }
    for (const cause of ["answer_lost", "lease_expired", "not_confirmed"]) {
      expect(now.value("redeliveries_total", { cause })).toBe(0);
    }
    expect(now.value("refused_certificates_total", { reason: "revoked" })).toBe(0);
    expect(now.value("store_errors_total", { operation: "take" })).toBe(0);
  });

  test("tells what runs, how late its event loop is, and how long its certificate lasts", async () => {
    const now = await scrape();
    const info = now.families.get("nixfleet_dispatch_build_info")?.samples[0];
    expect(info).toMatchObject({ value: 1, labels: { version: "0.1.0", node_version: process.version } });
    expect(now.families.has("nodejs_eventloop_lag_p99_seconds")).toBe(true);
    const endsIn = now.value("certificate_expiry_timestamp_seconds") - Date.now() / 1_000;
    expect(Math.round(endsIn / 86_400)).toBe(2);
    expect(now.families.has("process_open_fds")).toBe(true);
  });
});

describe("the queue", () => {
  test("polls that are parked, what was enqueued, and how long all of it took", async () => {
    const agents = await Promise.all(["web-01", "web-02"].map((id) => pki.agent(id)));
    const polls = agents.map((agent) => new HttpClient(server, pki, agent).poll("?wait=60"));
    await Promise.all(["web-01", "web-02"].map((id) => untilParked(server, id)));
    const before = await scrape();
    expect([before.value("parked_polls"), before.value("parked_hosts")]).toEqual([2, 2]);
    await operator.enqueue(wireDispatch("web-01"), wireDispatch("web-02"), wireDispatch("web-03"));
    await operator.enqueue(wireDispatch("web-03"));
    await Promise.all(polls);
    const after = await untilShown((now) => now.value("deliveries_total", { outcome: "flushed", wire: "http" }) === 2);
    expect([after.value("parked_polls"), after.value("parked_hosts")]).toEqual([0, 0]);
    expect([
      after.value("enqueued_total", { outcome: "created" }),
      after.value("enqueued_total", { outcome: "replaced" }),
    ]).toEqual([3, 1]);
    expect([after.count("enqueue_to_delivery_seconds"), after.count("wake_to_flush_seconds")]).toEqual([2, 2]);
    // What was kicked at once cannot have waited longer than since its enqueue.
    expect(after.sum("wake_to_flush_seconds")).toBeGreaterThan(0);
    expect(after.sum("take_batch_hosts")).toBeGreaterThanOrEqual(4);
    expect(after.count("take_seconds")).toBe(after.count("take_batch_hosts"));
    expect(after.count("commit_seconds", { operation: "enqueue" })).toBe(2);
    expect(after.count("commit_seconds", { operation: "take" })).toBeGreaterThan(0);
    expect(after.value("wal_bytes")).toBeGreaterThan(0);
  });

  test("how many dispatches there are in each state, and since when the oldest waits", async () => {
    const agent = new HttpClient(server, pki, await pki.agent("web-01"));
    await operator.enqueue(...[1, 2, 3].map((i) => wireDispatch("web-01", rollout(i))));
    const { lease, rollout_id } = JSON.parse((await agent.poll("?wait=0&lease_seconds=60")).body);
    await agent.post("/v1/agent/dispatch/reject", { rollout_id, lease_token: lease.token, reason: "full" });
    await operator.post("/v1/dispatches/cancel", { hostname: "web-01", rollout_id: "stable@02" });
    // A reading of the store serves every scrape of a second.
    const now = await untilShown((shown) => shown.value("dispatches", { state: "cancelled" }) === 1);
    const counts = ["pending", "leased", "rejected", "cancelled"].map((state) => now.value("dispatches", { state }));
    expect(counts).toEqual([1, 0, 1, 1]);
    expect(now.value("oldest_pending_age_seconds")).toBeGreaterThan(0);
    expect(now.value("ended_total", { state: "cancelled" })).toBe(1);
    expect(now.value("deliveries_total", { outcome: "rejected", wire: "http" })).toBe(1);
  });

  test("deliveries by wire", async () => {
    const { certPem: cert, keyPem: key } = await pki.agent("web-01");
    const options = { baseUrl: server.url, nodeOptions: { ca: pki.ca.certPem, cert, key } };
    const wires = {
      connect: createConnectTransport({ ...options, httpVersion: "2" }),
      grpc: createGrpcTransport(options),
      "grpc-web": createGrpcWebTransport({ ...options, httpVersion: "2" }),
    };
    for (const [wire, transport] of Object.entries(wires)) {
      await operator.enqueue(wireDispatch("web-01"));
      const client = createClient(AgentService, transport);
      const { dispatch } = await client.takeDispatch({ wait: 0n, leaseSeconds: 60 });
      await client.ackDispatch({ rolloutId: dispatch?.rolloutId ?? "", leaseToken: dispatch?.lease?.token ?? "" });
      await untilShown((now) => now.value("deliveries_total", { outcome: "flushed", wire }) === 1);
      expect((await scrape()).value("deliveries_total", { outcome: "acknowledged", wire })).toBe(1);
    }
  });

  test("what had to be handed out again, by its cause", async () => {
    await operator.enqueue(wireDispatch("web-01"));
    const agent = await pki.agent("web-01");
    const client = new HttpClient(server, pki, agent);
    expect((await client.poll("?wait=0&lease_seconds=1")).status).toBe(200);
    expect((await client.poll("?wait=60")).status).toBe(200);
    const now = await untilShown((shown) => shown.value("redeliveries_total", { cause: "lease_expired" }) === 1);
    expect(now.value("redeliveries_total")).toBe(1);
    expect(now.value("deliveries_total", { outcome: "flushed" })).toBe(2);
  });
});

test("receipt that is proven, where it has to be", async () => {
  const confirming = await TestServer.start(pki, { flags: ["--delivery", "confirmed"] });
  const agent = new HttpClient(confirming, pki, await pki.agent("web-01"), { keepAlive: true });
  await new HttpClient(confirming, pki, pki.operator).enqueue(wireDispatch("web-01"));
  expect((await agent.poll("?wait=0")).status).toBe(200);
  expect((await Scrape.of(confirming)).value("deliveries_total", { outcome: "confirmed" })).toBe(0);
  // The next request on the connection is the proof.
  expect((await agent.poll("?wait=0")).status).toBe(204);
  await expect
    .poll(async () => (await Scrape.of(confirming)).value("deliveries_total", { outcome: "confirmed", wire: "http" }))
    .toBe(1);
  agent.close();
  await confirming.stop();
});

test("a store that fails, by what was asked of it", async () => {
  const db = pki.path("gone/dispatch.db");
  const failing = await TestServer.start(pki, { db });
  renameSync(db, `${db}-away`);
  expect((await fetch(`${failing.adminUrl}/readyz`)).status).toBe(503);
  const now = await Scrape.of(failing);
  expect(now.value("store_errors_total", { operation: "check" })).toBe(1);
  expect(now.value("store_errors_total")).toBe(1);
  await failing.stop();
});

describe("who is refused", () => {
  test("certificates that do not verify, by what is wrong with them", async () => {
    const stranger = await pki.client({}, await otherCa());
    const late = await pki.client({
      notBefore: new Date(Date.now() - 120_000),
      notAfter: new Date(Date.now() - 60_000),
    });
    for (const identity of [stranger, late, undefined]) {
      expect((await new HttpClient(server, pki, identity).poll("?wait=0")).status).toBe(401);
    }
    const now = await scrape();
    const tls = (reason: string) => now.value("tls_rejections_total", { stage: "certificate", reason });
    expect([tls("unknown_ca"), tls("expired"), tls("bad_signature")]).toEqual([1, 1, 0]);
    expect(now.value("refused_certificates_total", { reason: "not_verified" })).toBe(2);
    expect(now.value("refused_certificates_total", { reason: "no_certificate" })).toBe(1);
  });

  test("handshakes that come to nothing, by why", async () => {
    const plain = createConnection({ host: "127.0.0.1", port: server.port });
    plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    plain.on("error", () => undefined).resume();
    await once(plain, "close");
    const old = connectTls({ host: "127.0.0.1", port: server.port, maxVersion: "TLSv1.2", rejectUnauthorized: false });
    await once(old, "error");
    const now = await untilShown((shown) => shown.value("tls_rejections_total", { stage: "handshake" }) >= 2);
    expect(now.value("tls_rejections_total", { stage: "handshake", reason: "not_tls" })).toBe(1);
    expect(now.value("tls_rejections_total", { stage: "handshake", reason: "old_version" })).toBe(1);
  });

  test("a host that is revoked: its parked poll and what it asks afterwards", async () => {
    const agent = await pki.agent("web-01");
    const poll = new HttpClient(server, pki, agent).poll("?wait=60").catch(() => "cut");
    await untilParked(server, "web-01");
    await operatorOf(server, pki).trust.revokeHost({ hostname: "web-01" });
    await poll;
    expect((await new HttpClient(server, pki, agent).poll("?wait=0")).status).toBe(401);
    const now = await scrape();
    expect(now.value("refused_certificates_total", { reason: "revoked" })).toBeGreaterThanOrEqual(1);
    expect(now.value("parked_polls")).toBe(0);
  });
});

test("requests are counted by wire and outcome, connections and watchers while they last", async () => {
  const { tls } = await connectRaw(server, pki, await pki.agent("web-01"));
  tls.write(rawPoll("?wait=0"));
  await once(tls, "data");
  const leave = new AbortController();
  const watched = operatorOf(server, pki).queue.watchEvents({}, { signal: leave.signal });
  await watched[Symbol.asyncIterator]().next();
  const during = await scrape();
  expect([during.value("open_connections"), during.value("watchers")]).toEqual([2, 1]);
  expect(during.value("requests_total", { wire: "http", outcome: "empty" })).toBe(1);
  leave.abort();
  tls.destroy();
  const after = await untilShown((now) => now.value("watchers") === 0);
  expect(after.value("requests_total", { wire: "connect", outcome: "gone" })).toBe(1);
});

test("without a queue there is nothing to count, and the page is there", async () => {
  const empty = await TestServer.start(pki, { db: "none" });
  const now = await Scrape.of(empty);
  expect(now.value("build_info")).toBe(1);
  await empty.stop();
});
