import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "../dispatch/ports.js";

/** The machine's own clock and event loop. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Unlike performance.now() the same for every process since the machine has started.
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000n) / 1_000,
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  nextTurn(callback) {
    setImmediate(callback);
  },
};

/**
 * Names the start of the machine that its monotonic clock counts from. Where no kernel tells (other systems than Linux),
 * each process counts as a start of its own.
 */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return randomUUID();
  }
}
