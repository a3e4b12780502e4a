import { collectDefaultMetrics, Registry } from "prom-client";

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
  // Each sample of the event loop wakes the process.
  collectDefaultMetrics({ register: created, eventLoopMonitoringPrecision: 20 });
  // Lists of every socket, which 10,000 parked polls make long; open connections are counted elsewhere.
  for (const name of ["handles", "requests", "resources"]) {
    created.removeSingleMetric(`nodejs_active_${name}`);
    created.removeSingleMetric(`nodejs_active_${name}_total`);
  }
  return created;
}
