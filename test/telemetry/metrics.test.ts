import { beforeEach, describe, expect, test } from "vitest";
import type { NewEvent } from "../../src/dispatch/event.js";
import { parseHostname } from "../../src/dispatch/hostname.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import { notProven } from "../../src/dispatch/life.js";
import { parseRolloutId } from "../../src/dispatch/rollout.js";
import { Metrics } from "../../src/telemetry/metrics.js";
import { readExposition, valueIn } from "../support/exposition.js";
import { FakeClock } from "../support/fake-clock.js";

const web1 = parseHostname("web-01", "hostname");
const web2 = parseHostname("web-02", "hostname");

let clock: FakeClock;
let metrics: Metrics;
let isFailing: boolean;
let readings: number;
beforeEach(() => {
  clock = new FakeClock();
  isFailing = false;
  readings = 0;
  metrics = new Metrics({
    version: "1.2.3",
    clock,
    traffic: { refusals: ["revoked"], tlsRejections: { handshake: ["timeout"], certificate: ["expired"] } },
  });
  metrics.observe({
    queue: {
      store: {
        async stats() {
          readings += 1;
          if (isFailing) throw new Error("no disk");
          return { states, oldestPendingAt: instantFromMs(clock.nowMs() - 90_000), hosts: 2 };
        },
        waitingHosts: async () => [web1, web2],
      },
      parkedPolls: () => 3,
      parkedHosts: () => 2,
      isParked: (hostname) => hostname === web2,
      watchers: () => 1,
      walPath: "/nonexistent/wal",
      pool: () => ({ idle: 6, busy: 4, waiting: 9 }),
    },
    openConnections: () => 7,
    certificateNotAfterMs: () => 1_778_895_000_000,
  });
});

const states = {
  ...{ pending: 4, leased: 1, delivered: 0, acknowledged: 0, rejected: 0 },
  ...{ cancelled: 0, superseded: 0, expired: 0, dead: 2 },
};

async function value(name: string, labels: Readonly<Record<string, string>> = {}, suffix = ""): Promise<number> {
  return valueIn(readExposition(await metrics.text()), `nixfleet_dispatch_${name}`, labels, suffix);
}

describe("what is read at a scrape", () => {
  test("the present state, in base units", async () => {
    expect(await value("parked_polls")).toBe(3);
    expect(await value("dispatches", { state: "pending" })).toBe(4);
    expect(await value("dispatches", { state: "dead" })).toBe(2);
    expect(await value("oldest_pending_age_seconds")).toBe(90);
    expect(await value("certificate_expiry_timestamp_seconds")).toBe(1_778_895_000);
    expect(await value("open_connections")).toBe(7);
    expect(await value("wal_bytes")).toBe(0);
    expect(await value("db_connections", { state: "idle" })).toBe(6);
    expect(await value("db_connections", { state: "busy" })).toBe(4);
    expect(await value("db_waiting_calls")).toBe(9);
  });

  test("a host is overdue if something waits for it although its poll is parked", async () => {
    expect(await value("overdue_hosts")).toBe(1);
  });

  test("the store is read once for all scrapes of a second", async () => {
    await Promise.all([metrics.text(), metrics.text()]);
    expect(readings).toBe(1);
    clock.advance(999);
    await metrics.text();
    expect(readings).toBe(1);
    clock.advance(1);
    await metrics.text();
    expect(readings).toBe(2);
  });

  test("a store that does not answer leaves a gap, not the last figure; the rest is shown", async () => {
    expect(await value("dispatches", { state: "pending" })).toBe(4);
    isFailing = true;
    clock.advance(1_000);
    await expect(value("dispatches", { state: "pending" })).rejects.toThrow("there is no");
    await expect(value("oldest_pending_age_seconds")).rejects.toThrow("there is no");
    expect(await value("parked_polls")).toBe(3);
    isFailing = false;
    clock.advance(1_000);
    expect(await value("dispatches", { state: "pending" })).toBe(4);
  });
});

describe("what the rules tell", () => {
  const event = (kind: NewEvent["kind"], detail = ""): NewEvent => ({
    hostname: web1,
    rolloutId: parseRolloutId("stable@aa", "rollout_id"),
    at: instantFromMs(0),
    kind,
    attempt: 1,
    actor: "web-01",
    address: "127.0.0.1",
    wire: "grpc",
    detail,
    parkedMs: null,
  });

  test.each([
    ["answer_lost", event("returned")],
    ["lease_expired", event("lease_expired")],
    ["not_confirmed", event("lease_expired", notProven)],
  ])("a redelivery because of %s", async (cause, happened) => {
    metrics.queue.changed(happened);
    expect([await value("redeliveries_total", { cause }), await value("redeliveries_total")]).toEqual([1, 1]);
  });

  test.each(["cancelled", "expired", "dead"] as const)("an end: %s", async (kind) => {
    metrics.queue.changed(event(kind));
    expect([await value("ended_total", { state: kind }), await value("ended_total")]).toEqual([1, 1]);
  });

  test("an answer that did not leave, by its wire", async () => {
    metrics.queue.lost("grpc");
    expect(await value("deliveries_total", { outcome: "lost", wire: "grpc" })).toBe(1);
    expect(await value("deliveries_total")).toBe(1);
  });

  test("an enqueue, with what it superseded", async () => {
    const result = { hostname: web1, rolloutId: parseRolloutId("stable@aa", "rollout_id") };
    metrics.queue.enqueued([
      { ...result, outcome: "created", superseded: 2 },
      { ...result, outcome: "kept", superseded: 0 },
    ]);
    expect(await value("enqueued_total", { outcome: "created" })).toBe(1);
    expect(await value("enqueued_total", { outcome: "kept" })).toBe(1);
    expect(await value("ended_total", { state: "superseded" })).toBe(2);
  });

  test("milliseconds become seconds; a clock that was set back is no negative wait", async () => {
    metrics.queue.flushed("http", 2_500, 40);
    metrics.queue.flushed("http", -100, undefined);
    expect(await value("enqueue_to_delivery_seconds", {}, "_sum")).toBe(2.5);
    expect(await value("enqueue_to_delivery_seconds", {}, "_count")).toBe(2);
    expect(await value("wake_to_flush_seconds", {}, "_sum")).toBe(0.04);
    metrics.queue.tookBatch(16, 8);
    expect([await value("take_batch_hosts", {}, "_sum"), await value("take_seconds", {}, "_sum")]).toEqual([16, 0.008]);
    metrics.queue.stored("settleDue", 3);
    expect(await value("commit_seconds", { operation: "settle_due" }, "_sum")).toBe(0.003);
    // Reads are no commits.
    metrics.queue.stored("listEvents", 3);
    expect(await value("commit_seconds", {}, "_count")).toBe(1);
  });
});
