import type { Registry } from "prom-client";
import type { EnqueueOutcome, EnqueueResult } from "../dispatch/dispatch.js";
import type { NewEvent } from "../dispatch/event.js";
import { notProven } from "../dispatch/life.js";
import type { Meter, StoreOperation } from "../dispatch/meter.js";
import type { Origin } from "../dispatch/origin.js";
import { Children, TalliedCounter } from "./metrics-children.js";
import { type Observer, PlainHistogram } from "./metrics-histogram.js";
import { prefix, waitSeconds, wires, workSeconds } from "./metrics-names.js";

/** What the rules report, as counters and histograms. */
export class QueueMetrics implements Meter {
  readonly #enqueued: Children;
  readonly #flushed: Children;
  readonly #lost: Children;
  readonly #confirmed: Children;
  readonly #acknowledged: Children;
  readonly #rejected: Children;
  readonly #redeliveries: Children;
  readonly #ended: Children;
  readonly #storeErrors: Children;
  readonly #sinceEnqueue: Observer;
  readonly #sinceKick: Observer;
  readonly #batchHosts: Observer;
  readonly #take: Observer;
  readonly #commits: ReadonlyMap<StoreOperation, Observer>;

  constructor(registry: Registry) {
    const own = { registers: [registry] };
    const deliveries = new TalliedCounter({
      ...own,
      name: `${prefix}deliveries_total`,
      help: "What became of answers with a dispatch, and what their agents said of them.",
      labelNames: ["outcome", "wire"],
    });
    const delivery = (outcome: string) => new Children(deliveries, "wire", wires, { outcome });
    this.#flushed = delivery("flushed");
    this.#lost = delivery("lost");
    this.#confirmed = delivery("confirmed");
    this.#acknowledged = delivery("acknowledged");
    this.#rejected = delivery("rejected");
    this.#enqueued = enqueuedCounters(registry);
    this.#redeliveries = redeliveryCounters(registry);
    this.#ended = endedCounters(registry);
    this.#storeErrors = storeErrorCounters(registry);
    this.#sinceEnqueue = new PlainHistogram({
      ...own,
      name: `${prefix}enqueue_to_delivery_seconds`,
      help: "From the enqueue of a dispatch until an answer with it was flushed.",
      buckets: waitSeconds,
    }).child();
    this.#sinceKick = new PlainHistogram({
      ...own,
      name: `${prefix}wake_to_flush_seconds`,
      help: "From the kick of a parked poll until its answer with a dispatch was flushed.",
      buckets: workSeconds,
    }).child();
    this.#batchHosts = new PlainHistogram({
      ...own,
      name: `${prefix}take_batch_hosts`,
      help: "Hosts that one batch of takes was for.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    }).child();
    this.#take = new PlainHistogram({
      ...own,
      name: `${prefix}take_seconds`,
      help: "One batch of takes, its transaction and its hand-outs.",
      buckets: workSeconds,
    }).child();
    this.#commits = commitHistograms(registry);
  }

  enqueued(results: readonly EnqueueResult[]): void {
    const counts = { created: 0, replaced: 0, kept: 0 } satisfies Record<EnqueueOutcome, number>;
    let superseded = 0;
    for (const result of results) {
      counts[result.outcome] += 1;
      superseded += result.superseded;
    }
    for (const outcome of enqueueOutcomes) {
      if (counts[outcome] > 0) this.#enqueued.of(outcome).inc(counts[outcome]);
    }
    if (superseded > 0) this.#ended.of("superseded").inc(superseded);
  }

  tookBatch(hosts: number, ms: number): void {
    this.#batchHosts.observe(hosts);
    this.#take.observe(ms / 1_000);
  }

  flushed(wire: Origin["wire"], sinceEnqueueMs: number, sinceKickMs: number | undefined): void {
    this.#flushed.of(wire).inc();
    // The wall clock may have been set back meanwhile.
    this.#sinceEnqueue.observe(Math.max(0, sinceEnqueueMs) / 1_000);
    if (sinceKickMs !== undefined) this.#sinceKick.observe(sinceKickMs / 1_000);
  }

  lost(wire: Origin["wire"]): void {
    this.#lost.of(wire).inc();
  }

  changed({ kind, wire, detail }: NewEvent): void {
    switch (kind) {
      case "confirmed":
        this.#confirmed.of(wire).inc();
        break;
      case "acknowledged":
        this.#acknowledged.of(wire).inc();
        break;
      case "rejected":
        this.#rejected.of(wire).inc();
        break;
      case "returned":
        this.#redeliveries.of("answer_lost").inc();
        break;
      case "lease_expired":
        this.#redeliveries.of(detail === notProven ? "not_confirmed" : "lease_expired").inc();
        break;
      case "cancelled":
      case "expired":
      case "dead":
        this.#ended.of(kind).inc();
        break;
      default:
      // Told of by the enqueue, the hand-out or nobody.
    }
  }

  stored(operation: StoreOperation, ms: number): void {
    this.#commits.get(operation)?.observe(ms / 1_000);
  }

  storeFailed(operation: StoreOperation): void {
    this.#storeErrors.of(snakeCase(operation)).inc();
  }
}

const enqueueOutcomes = ["created", "replaced", "kept"] as const satisfies readonly EnqueueOutcome[];

function enqueuedCounters(registry: Registry): Children {
  const counter = new TalliedCounter({
    registers: [registry],
    name: `${prefix}enqueued_total`,
    help: "Dispatches that were enqueued.",
    labelNames: ["outcome"],
  });
  return new Children(counter, "outcome", enqueueOutcomes);
}

function redeliveryCounters(registry: Registry): Children {
  const counter = new TalliedCounter({
    registers: [registry],
    name: `${prefix}redeliveries_total`,
    help: "Dispatches that had been taken and wait again.",
    labelNames: ["cause"],
  });
  return new Children(counter, "cause", ["answer_lost", "lease_expired", "not_confirmed"]);
}

function endedCounters(registry: Registry): Children {
  const counter = new TalliedCounter({
    registers: [registry],
    name: `${prefix}ended_total`,
    help: "Dispatches that are over without an agent having said so.",
    labelNames: ["state"],
  });
  return new Children(counter, "state", ["cancelled", "superseded", "expired", "dead"]);
}

const writes = ["take", "apply", "enqueue", "settleDue", "note", "prune"] as const satisfies readonly StoreOperation[];
const reads = [
  ...(["find", "list", "listEvents", "latestEvents", "findHost", "check"] as const),
  ...(["listHosts", "stats", "waitingHosts", "lastEventId"] as const),
] satisfies readonly Exclude<StoreOperation, (typeof writes)[number]>[];

/** As labels are written. */
function snakeCase(operation: StoreOperation): string {
  return operation.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function storeErrorCounters(registry: Registry): Children {
  const counter = new TalliedCounter({
    registers: [registry],
    name: `${prefix}store_errors_total`,
    help: "Calls of the store that failed.",
    labelNames: ["operation"],
  });
  return new Children(counter, "operation", [...writes, ...reads].map(snakeCase));
}

function commitHistograms(registry: Registry): ReadonlyMap<StoreOperation, Observer> {
  const histogram = new PlainHistogram({
    registers: [registry],
    name: `${prefix}commit_seconds`,
    help: "Transactions of the store, their fsync included.",
    labelNames: ["operation"],
    buckets: workSeconds,
  });
  return new Map(
    writes.map((operation) => {
      const labels = { operation: snakeCase(operation) };
      return [operation, histogram.child(labels)];
    }),
  );
}
