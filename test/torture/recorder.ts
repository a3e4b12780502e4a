import type { Entry } from "./checker/history.js";

/** How often the machine is asked whether it lets the drivers run. */
const beatMs = 20;

/** What is late by less is no stall: timers are. */
const tolerableMs = 100;

/** Where every driver writes down what it saw. */
export class Recorder {
  readonly entries: Entry[] = [];
  #heartbeat: NodeJS.Timeout | undefined;

  /** Of this process, in milliseconds; never jumps. */
  now(): number {
    return performance.now();
  }

  add(...entries: readonly Entry[]): void {
    this.entries.push(...entries);
  }

  start(): void {
    let lastMs = this.now();
    this.#heartbeat = setInterval(() => {
      const nowMs = this.now();
      if (nowMs - lastMs > beatMs + tolerableMs) this.add({ kind: "stall", fromMs: lastMs, toMs: nowMs });
      lastMs = nowMs;
    }, beatMs);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
  }
}
