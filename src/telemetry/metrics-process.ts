import { collectDefaultMetrics, Registry } from "prom-client";
import { watchEventLoop } from "./metrics-event-loop.js";

let registry: Registry | undefined;

/**
 * CPU, memory, file descriptors, garbage collection and the event loop, under the names that every Node.js dashboard knows.
 * They are the process's, so several servers in one process share them.
 */
export function processMetrics(): Registry {
  registry ??= createRegistry();
  return registry;
}

function createRegistry(): Registry {
  const created = new Registry();
  // It cannot be told to leave the event loop alone: it looks once an hour.
  collectDefaultMetrics({ register: created, eventLoopMonitoringPrecision: 3_600_000 });
  for (const name of unwanted) created.removeSingleMetric(name);
  watchEventLoop(created);
  return created;
}

const unwanted = [
  // Lists of every socket, which 10,000 parked polls make long; open connections are counted elsewhere.
  ...["handles", "requests", "resources"].flatMap((what) => [`nodejs_active_${what}`, `nodejs_active_${what}_total`]),
  ...["min", "max", "mean", "stddev", "p50", "p90", "p99"].map((part) => `nodejs_eventloop_lag_${part}_seconds`),
];
