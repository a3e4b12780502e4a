import type { Clock } from "../../src/dispatch/ports.js";
import type { BootClock } from "../../src/store/sqlite/steady-clock.js";

/** A clock that stands still until a test moves it. Turns of the event loop are run by hand too. */
export class FakeClock implements Clock, BootClock {
  /** Which start of the machine this is. */
  bootId = "boot-1";
  #wallMs: number;
  #monotonicMs = 0;
  #timers: { dueMs: number; callback: () => void }[] = [];
  #turns: (() => void)[] = [];

  constructor(wallMs = Date.UTC(2026, 4, 16, 1, 27)) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Timers that nobody has cancelled. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Sets the wall clock as an operator would: timers do not notice. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  /** The machine starts anew: its monotonic clock begins at 0, and no timer is left. */
  reboot(): void {
    this.bootId = `${this.bootId}+1`;
    this.#monotonicMs = 0;
    this.#timers = [];
    this.#turns = [];
  }

  /** Lets time pass, then runs what fell due, in order. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#monotonicMs).sort((a, b) => a.dueMs - b.dueMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { callback } of due) callback();
  }

  /** Runs turns of the event loop until nothing is scheduled any more and every promise has settled. */
  async settle(): Promise<void> {
    do {
      const turns = this.#turns;
      this.#turns = [];
      for (const turn of turns) turn();
      await flushMicrotasks();
    } while (this.#turns.length > 0);
  }
}

/** Lets promise chains of a reasonable length run out. */
export async function flushMicrotasks(): Promise<void> {
  for (let i = 0; i < 30; i += 1) await undefined;
}
