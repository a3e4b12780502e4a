import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Gauge, type Registry } from "prom-client";

/** Each look wakes the process: at 20 ms, 0.5 % of a core for a server that has nothing else to do. */
const intervalMs = 100;

/** What was seen, in nanoseconds from look to look. */
export type Looks = Pick<IntervalHistogram, "mean" | "max" | "percentile" | "reset">;

const parts: Readonly<Record<string, { readonly help: string; read(looks: Looks): number }>> = {
  mean: { help: "The mean", read: (looks) => looks.mean },
  p50: { help: "The 50th percentile", read: (looks) => looks.percentile(50) },
  p90: { help: "The 90th percentile", read: (looks) => looks.percentile(90) },
  p99: { help: "The 99th percentile", read: (looks) => looks.percentile(99) },
  max: { help: "The longest", read: (looks) => looks.max },
};

/**
 * From now on looks how late the event loop is, under the names that prom-client's own gauges have. Those count the time between
 * two looks as lag.
 */
export function watchEventLoop(registry: Registry, looks: Looks = beginToLook()): void {
  let lags: ReadonlyMap<string, number> = new Map();
  // What Prometheus collects at once is of the same looks: the first of the gauges reads them, for all.
  const readAll = () => {
    lags = new Map(Object.entries(parts).map(([part, { read }]) => [part, lagSeconds(read(looks))]));
    looks.reset();
  };
  for (const [i, [part, { help }]] of Object.entries(parts).entries()) {
    new Gauge({
      registers: [registry],
      name: `nodejs_eventloop_lag_${part}_seconds`,
      help: `${help} of how late the event loop was since the last scrape.`,
      collect() {
        if (i === 0) readAll();
        this.set(lags.get(part) ?? 0);
      },
    });
  }
}

function beginToLook(): Looks {
  const looks = monitorEventLoopDelay({ resolution: intervalMs });
  looks.enable();
  return looks;
}

/** @param betweenNs two looks; not a number before the first */
function lagSeconds(betweenNs: number): number {
  return Math.max(0, (betweenNs || 0) / 1e9 - intervalMs / 1e3);
}
