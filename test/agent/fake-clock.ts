import type { Clock } from "../../src/agent/clock.js";

/** Stands still until a test moves it. */
export class FakeClock implements Clock {
  #wallMs = Date.UTC(2026, 4, 16, 1, 30);
  #monotonicMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  schedule(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    for (const timer of [...this.#timers].filter(({ dueMs }) => dueMs <= this.#monotonicMs)) {
      // One that ran before it may have cancelled it.
      if (this.#timers.delete(timer)) timer.callback();
    }
  }

  /** Somebody sets the wall clock. */
  set(ms: number): void {
    this.#wallMs += ms;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** In how many milliseconds the next timer is due. */
  get nextInMs(): number | undefined {
    const dues = [...this.#timers].map(({ dueMs }) => dueMs);
    return dues.length === 0 ? undefined : Math.min(...dues) - this.#monotonicMs;
  }
}
