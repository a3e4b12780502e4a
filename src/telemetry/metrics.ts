import { Gauge, Registry } from "prom-client";
import type { Clock } from "../dispatch/ports.js";
import { prefix } from "./metrics-names.js";
import { processMetrics } from "./metrics-process.js";
import { QueueMetrics } from "./metrics-queue.js";
import { StateMetrics, type StateSources } from "./metrics-state.js";
import { type TrafficLabels, TrafficMetrics } from "./metrics-traffic.js";

export interface MetricsOptions {
  readonly version: string;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs">;
  readonly traffic: TrafficLabels;
}

/** What a monitoring system is shown, in Prometheus's text format. No label tells hosts apart: a fleet has too many. */
export class Metrics {
  readonly queue: QueueMetrics;
  readonly traffic: TrafficMetrics;
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #clock: MetricsOptions["clock"];
  #state: StateMetrics | undefined;

  constructor({ version, clock, traffic }: MetricsOptions) {
    this.#clock = clock;
    this.queue = new QueueMetrics(this.#registry);
    this.traffic = new TrafficMetrics(this.#registry, traffic);
    const info = new Gauge({
      registers: [this.#registry],
      name: `${prefix}build_info`,
      help: "1; what runs here is in the labels.",
      labelNames: ["version", "node_version"],
    });
    info.set({ version, node_version: process.version }, 1);
    // Begins to watch the event loop.
    processMetrics();
  }

  /** From now on scrapes show the state of these, too. To be called once. */
  observe(sources: StateSources): void {
    this.#state = new StateMetrics(this.#registry, sources, this.#clock);
  }

  async text(): Promise<string> {
    await this.#state?.refresh();
    return (await Promise.all([this.#registry.metrics(), processMetrics().metrics()])).join("\n");
  }
}
