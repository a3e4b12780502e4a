import { describe, expect, test } from "vitest";
import { percentiles } from "../../src/dashboard/fleet/activity.js";
import { planEnqueue, readLines } from "../../src/dashboard/fleet/enqueue-plan.js";
import { Fleet } from "../../src/dashboard/fleet/fleet.js";
import {
  fleetNumbers,
  presenceOf,
  rolloutSummaries,
  rolloutSummary,
  stuck,
} from "../../src/dashboard/fleet/summaries.js";
import { type Instant, instantFromMs } from "../../src/dispatch/instant.js";
import type { FleetEvent } from "../../src/words/fleet-event.js";
import type { KnownDispatch, KnownEvent, KnownHost } from "../../src/words/record.js";
import { strangerNamed } from "../../src/words/record.js";

const nowMs = Date.UTC(2026, 4, 16, 12);
const ago = (ms: number): Instant => instantFromMs(nowMs - ms);
const now = ago(0);

function dispatch(hostname: string, changes: Partial<KnownDispatch> = {}): KnownDispatch {
  return {
    hostname,
    rolloutId: "stable@aa",
    targetClosure: "/nix/store/x",
    soakDueAt: now,
    enqueuedAt: ago(600_000),
    state: "pending",
    attempt: 0,
    maxAttempts: 10,
    notBefore: null,
    notAfter: null,
    leaseExpiresAt: null,
    reason: null,
    changedAt: ago(600_000),
    ...changes,
  };
}

function event(id: number, kind: KnownEvent["kind"], changes: Partial<FleetEvent> = {}): FleetEvent {
  const nobody = { actor: "web-01", address: "10.0.0.1", wire: "http", detail: "", parkedMs: null };
  return { id, at: now, kind, attempt: 1, hostname: "web-01", rolloutId: "stable@aa", ...nobody, ...changes };
}

const host = (hostname: string, changes: Partial<KnownHost> = {}): KnownHost => ({
  ...strangerNamed(hostname),
  ...changes,
});

function fleetOf(dispatches: readonly KnownDispatch[], hosts: readonly KnownHost[] = []): Fleet {
  const fleet = new Fleet();
  fleet.merge(dispatches, 0);
  fleet.setHosts(hosts);
  return fleet;
}

describe("the fleet", () => {
  test("applies an event once, however often it comes", () => {
    const fleet = fleetOf([dispatch("web-01")]);
    const taken = event(7, "delivered");
    fleet.apply([taken], 7);
    fleet.apply([taken, event(8, "acknowledged")], 8);
    fleet.apply([taken], 7);
    expect(fleet.find("web-01", "stable@aa")?.state).toBe("acknowledged");
    expect(fleet.recent.map(({ id }) => id)).toEqual([7, 8]);
    expect(fleet.lastEventId).toBe(8);
  });

  test("does not let an answer that was asked for before an event undo it, and takes what only the answer tells", () => {
    const fleet = fleetOf([]);
    fleet.apply([event(5, "enqueued", { attempt: 0, at: ago(600_000) })], 5);
    fleet.apply([event(6, "delivered")], 6);
    fleet.merge([dispatch("web-01", { targetClosure: "/nix/store/new" })], 5);
    expect(fleet.find("web-01", "stable@aa")).toMatchObject({ state: "delivered", targetClosure: "/nix/store/new" });
    expect(fleet.incomplete.size).toBe(0);
  });

  test("asks again if a dispatch was enqueued anew while the answer was on its way", () => {
    const fleet = fleetOf([]);
    fleet.apply([event(5, "enqueued", { attempt: 0 })], 5);
    fleet.merge([dispatch("web-01")], 4);
    expect([...(fleet.incomplete.get("stable@aa") ?? [])]).toEqual(["web-01"]);
  });

  test("has seen a host that was handed something", () => {
    const fleet = fleetOf([dispatch("web-01")], [host("web-01")]);
    fleet.apply([event(1, "leased", { address: "10.9.8.7", wire: "grpc" })], 1);
    expect(fleet.hosts.get("web-01")).toMatchObject({ lastSeenAt: now, address: "10.9.8.7", wire: "grpc" });
  });
});

describe("summaries", () => {
  test("count a rollout by state, and tell its rate and what is left of it", () => {
    const done = { state: "acknowledged", changedAt: ago(60_000) } as const;
    const all = ["a", "b", "c", "d", "e"].map((name) => dispatch(name, done));
    const summary = rolloutSummary("stable@aa", [...all, dispatch("f"), dispatch("g")], now);
    expect(summary).toMatchObject({ total: 7, open: 2, perMinute: 1, remainingMs: 120_000 });
    expect(summary?.counts).toMatchObject({ acknowledged: 5, pending: 2, dead: 0 });
  });

  test("promise no end where nothing moves, and none where nothing is open", () => {
    expect(rolloutSummary("x@1", [dispatch("a")], now)?.remainingMs).toBeNull();
    expect(rolloutSummary("x@1", [dispatch("a", { state: "dead" })], now)?.remainingMs).toBeNull();
    expect(rolloutSummary("x@1", [], now)).toBeUndefined();
  });

  test("list the newest rollout first", () => {
    const fleet = fleetOf([
      dispatch("a", { rolloutId: "old@1", enqueuedAt: ago(9_000_000) }),
      dispatch("a", { rolloutId: "new@1" }),
    ]);
    expect(rolloutSummaries(fleet, now).map(({ rolloutId }) => rolloutId)).toEqual(["new@1", "old@1"]);
  });

  test.each<[string, Partial<KnownHost>]>([
    ["parked", { parkedPolls: 1, lastSeenAt: ago(300_000) }],
    ["seen", { lastSeenAt: ago(60_000) }],
    ["away", { lastSeenAt: ago(80_000) }],
    ["never", {}],
    ["revoked", { lastSeenAt: ago(5_000), revokedBefore: ago(1_000) }],
    ["parked", { parkedPolls: 1, lastSeenAt: ago(500), revokedBefore: ago(1_000) }],
  ])("know a host that is %s", (word, changes) => {
    expect(presenceOf(host("web-01", changes), now)).toBe(word);
  });

  test("tell what waits longest and whose certificate ends soon, the first first", () => {
    const days = (count: number) => ago(-count * 86_400_000);
    const hosts = [13, 2, 15].map((count) => host(`h${count}`, { certificateNotAfter: days(count) }));
    const numbers = fleetNumbers(fleetOf([dispatch("a"), dispatch("b", { enqueuedAt: ago(900_000) })], hosts), now);
    expect(numbers.oldestPending?.hostname).toBe("b");
    expect(numbers.expiring.map(({ hostname }) => hostname)).toEqual(["h2", "h13"]);
  });

  test("call stuck what does not move by itself, the worst first", () => {
    const all = [
      dispatch("waits-for-nobody"),
      dispatch("fresh", { enqueuedAt: ago(1_000) }),
      dispatch("gave-up", { state: "dead" }),
      dispatch("said-no", { state: "rejected" }),
      dispatch("done", { state: "acknowledged" }),
    ];
    const fleet = fleetOf(all, [host("fresh", { parkedPolls: 1 })]);
    expect(stuck(fleet, now, "stable@aa").map(({ hostname }) => hostname)).toEqual([
      "gave-up",
      "said-no",
      "waits-for-nobody",
    ]);
  });
});

describe("the activity", () => {
  test("counts hand-outs by the minute, and measures first ones from their enqueue", () => {
    const fleet = fleetOf([]);
    fleet.apply(
      [
        event(1, "enqueued", { attempt: 0, at: ago(130_000) }),
        event(2, "leased", { at: ago(128_000) }),
        event(3, "lease_expired", { at: ago(70_000) }),
        event(4, "leased", { at: ago(65_000), attempt: 2 }),
      ],
      4,
    );
    expect(fleet.activity.total(now)).toEqual({ handedOut: 2, p50Ms: 2_000, p99Ms: 2_000 });
    const minutes = fleet.activity.minutes(now);
    expect(minutes).toHaveLength(60);
    expect(minutes.map(({ handedOut }) => handedOut).filter((count) => count > 0)).toEqual([1, 1]);
  });

  test("takes percentiles by nearest rank", () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect(percentiles(values)).toEqual({ p50Ms: 100, p99Ms: 198 });
    expect(percentiles([])).toEqual({ p50Ms: null, p99Ms: null });
  });
});

describe("a plan to enqueue", () => {
  const line = (hostname: string, closure = "/nix/store/x", rolloutId = "stable@aa") =>
    JSON.stringify({ hostname, rollout_id: rolloutId, target_closure: closure, soak: "5m" });

  test("tells what would be created, replaced and kept, and whose hosts are parked", () => {
    const fleet = fleetOf(
      [dispatch("waits"), dispatch("leased", { state: "leased" }), dispatch("other", { state: "leased" })],
      [host("new", { parkedPolls: 1 })],
    );
    const text = [line("waits"), line("leased"), line("other", "/nix/store/y"), line("new")].join("\n");
    const { dispatches, bad } = readLines(text, new Date(nowMs));
    expect(bad).toEqual([]);
    const plan = planEnqueue(fleet, dispatches, false, now);
    expect(plan.outcomes).toEqual({ created: 1, replaced: 2, kept: 1 });
    expect([plan.parked, plan.superseded]).toEqual([1, 0]);
  });

  test("supersedes older ones of the same host and channel that wait, and no others", () => {
    const fleet = fleetOf([
      dispatch("web-01", { rolloutId: "stable@01" }),
      dispatch("web-01", { rolloutId: "edge@01" }),
      dispatch("web-01", { rolloutId: "stable@02", state: "leased" }),
      dispatch("web-02", { rolloutId: "stable@01" }),
    ]);
    const { dispatches } = readLines(line("web-01"), new Date(nowMs));
    expect(planEnqueue(fleet, dispatches, true, now).items[0]?.supersedes).toEqual(["stable@01"]);
  });

  test("names every bad line by its number in the file", () => {
    const { bad } = readLines(`${line("ok")}\n\n{"hostname": 1}\nnonsense`, new Date(nowMs));
    expect(bad.map(({ number }) => number)).toEqual([3, 4]);
  });
});
