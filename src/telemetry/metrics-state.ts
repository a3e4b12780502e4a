import { stat } from "node:fs/promises";
import { Gauge, type Registry } from "prom-client";
import { dispatchStates } from "../dispatch/dispatch.js";
import type { Hostname } from "../dispatch/hostname.js";
import { instantFromMs, instantToMs } from "../dispatch/instant.js";
import type { Clock } from "../dispatch/ports.js";
import type { QueueStats, ReportStore } from "../dispatch/reports.js";
import { prefix } from "./metrics-names.js";

/** Where the present state of things is read. */
export interface StateSources {
  /** `undefined` if the server runs without a queue. */
  readonly queue: QueueSources | undefined;
  readonly openConnections: () => number;
  readonly certificateNotAfterMs: () => number | undefined;
}

export interface QueueSources {
  readonly store: Pick<ReportStore, "stats" | "waitingHosts">;
  readonly parkedPolls: () => number;
  readonly parkedHosts: () => number;
  readonly isParked: (hostname: Hostname) => boolean;
  readonly watchers: () => number;
  /** Path of SQLite's write-ahead log; `undefined` with another store. */
  readonly walPath: string | undefined;
  /** The connections to PostgreSQL that statements share; `undefined` with another store. */
  readonly pool: (() => PoolUse) | undefined;
}

export interface PoolUse {
  readonly idle: number;
  readonly busy: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** Scrapes closer together than this read the store once: counting 1,000,000 rows takes it about 30 ms. */
const storeReadingHoldsMs = 1_000;

/** So long may a dispatch wait for a host that is parked: a kick takes milliseconds, a batch under load a second. */
const overdueAfterMs = 30_000;

/** More are not looked for: then the number is wrong, and the trouble plain. */
const maxWaitingHosts = 10_000;

interface StoreReading {
  readonly stats: QueueStats;
  readonly waiting: readonly Hostname[];
}

/** What is read at a scrape, and costs nothing between scrapes. */
export class StateMetrics {
  readonly #sources: StateSources;
  readonly #clock: Pick<Clock, "nowMs" | "monotonicMs">;
  readonly #gauges: ReturnType<typeof createGauges>;
  #read: { readonly atMs: number; readonly reading: Promise<StoreReading | undefined> } | undefined;

  constructor(registry: Registry, sources: StateSources, clock: Pick<Clock, "nowMs" | "monotonicMs">) {
    this.#sources = sources;
    this.#clock = clock;
    this.#gauges = createGauges(registry);
  }

  async refresh(): Promise<void> {
    const { queue, openConnections, certificateNotAfterMs } = this.#sources;
    this.#gauges.openConnections.set(openConnections());
    const notAfterMs = certificateNotAfterMs();
    if (notAfterMs !== undefined) this.#gauges.certificateExpiry.set(notAfterMs / 1_000);
    if (queue !== undefined) await this.#refreshQueue(queue);
  }

  async #refreshQueue(queue: QueueSources): Promise<void> {
    this.#gauges.parkedPolls.set(queue.parkedPolls());
    this.#gauges.parkedHosts.set(queue.parkedHosts());
    this.#gauges.watchers.set(queue.watchers());
    if (queue.walPath !== undefined) this.#gauges.walBytes.set(await sizeOf(queue.walPath));
    if (queue.pool !== undefined) this.#setPool(queue.pool());
    const reading = await this.#readStore(queue);
    if (reading === undefined) this.#forgetStore();
    else this.#setStore(queue, reading);
  }

  #setPool({ idle, busy, waiting }: PoolUse): void {
    this.#gauges.dbConnections.set({ state: "idle" }, idle);
    this.#gauges.dbConnections.set({ state: "busy" }, busy);
    this.#gauges.dbWaitingCalls.set(waiting);
  }

  /** A store that does not answer leaves a gap in the graph, not the last figure for ever. */
  #forgetStore(): void {
    this.#gauges.dispatches.reset();
    this.#gauges.oldestPending.remove();
    this.#gauges.overdueHosts.remove();
  }

  #setStore({ isParked }: QueueSources, { stats, waiting }: StoreReading): void {
    for (const state of dispatchStates) this.#gauges.dispatches.set({ state }, stats.states[state]);
    const { oldestPendingAt } = stats;
    const ageMs = oldestPendingAt === undefined ? 0 : this.#clock.nowMs() - instantToMs(oldestPendingAt);
    this.#gauges.oldestPending.set(Math.max(0, ageMs) / 1_000);
    this.#gauges.overdueHosts.set(waiting.filter(isParked).length);
  }

  #readStore({ store }: QueueSources): Promise<StoreReading | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#read === undefined || nowMs - this.#read.atMs >= storeReadingHoldsMs) {
      this.#read = { atMs: nowMs, reading: this.#readStoreNow(store) };
    }
    return this.#read.reading;
  }

  async #readStoreNow(store: QueueSources["store"]): Promise<StoreReading | undefined> {
    try {
      const before = instantFromMs(this.#clock.nowMs() - overdueAfterMs);
      const [stats, waiting] = await Promise.all([store.stats(), store.waitingHosts(before, maxWaitingHosts)]);
      return { stats, waiting };
    } catch {
      // Its other calls fail too, and those are counted.
      return undefined;
    }
  }
}

function createGauges(registry: Registry) {
  const gauge = (name: string, help: string) => new Gauge({ registers: [registry], name: `${prefix}${name}`, help });
  return {
    parkedPolls: gauge("parked_polls", "Polls that wait now."),
    parkedHosts: gauge("parked_hosts", "Hosts with a poll that waits now."),
    overdueHosts: gauge(
      "overdue_hosts",
      "Hosts with a parked poll although something has been waiting for them for over 30 s.",
    ),
    dispatches: new Gauge({
      registers: [registry],
      name: `${prefix}dispatches`,
      help: "Dispatches that the store holds, by their state.",
      labelNames: ["state"],
    }),
    oldestPending: gauge(
      "oldest_pending_age_seconds",
      "Since the enqueue of the oldest pending dispatch; 0 without one.",
    ),
    watchers: gauge("watchers", "Open WatchEvents calls."),
    walBytes: gauge("wal_bytes", "Size of SQLite's write-ahead log."),
    dbConnections: new Gauge({
      registers: [registry],
      name: `${prefix}db_connections`,
      help: "Connections to PostgreSQL that calls share, by what they do; at most --db-pool-size.",
      labelNames: ["state"],
    }),
    dbWaitingCalls: gauge("db_waiting_calls", "Calls that wait for a connection to PostgreSQL."),
    openConnections: gauge("open_connections", "Open connections of the API's port, handshakes included."),
    certificateExpiry: gauge(
      "certificate_expiry_timestamp_seconds",
      "When the server's certificate ends, in seconds since 1970.",
    ),
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // Not there before the first commit.
    return 0;
  }
}
