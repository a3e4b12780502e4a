import { setTimeout as pause } from "node:timers/promises";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { watchEventLoop } from "../../src/telemetry/metrics-event-loop.js";
import { readExposition } from "../support/exposition.js";

async function lags(registry: Registry): Promise<Record<string, number | undefined>> {
  const values = [...readExposition(await registry.metrics())].map(([name, { samples }]) => [
    /^nodejs_eventloop_lag_(\w+)_seconds$/.exec(name)?.[1],
    samples[0]?.value,
  ]);
  return Object.fromEntries(values);
}

test("how late the event loop was is told without the time between two looks, once", async () => {
  const registry = new Registry();
  const nothing = { mean: Number.NaN, max: 0, percentile: () => 0 };
  const seen = { mean: 101e6, max: 850e6, percentile: (percent: number) => (percent === 50 ? 99e6 : percent * 5e6) };
  const looks = {
    ...nothing,
    reset() {
      Object.assign(this, nothing);
    },
  };
  watchEventLoop(registry, looks);
  const none = { mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
  expect(await lags(registry)).toEqual(none);
  Object.assign(looks, seen);
  const { mean, ...others } = await lags(registry);
  expect(mean).toBeCloseTo(0.001);
  expect(others).toEqual({ p50: 0, p90: 0.35, p99: 0.395, max: 0.75 });
  expect(await lags(registry)).toEqual(none);
});

test("a thread that does nothing else for a while is late", async () => {
  const registry = new Registry();
  watchEventLoop(registry);
  // The second look is the first to know of one before it.
  for (let looks = 0; looks < 3; looks++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await pause(1);
  }
  // One was due at most 100 ms after the thread was held.
  expect((await lags(registry)).max).toBeGreaterThan(0.19);
});
