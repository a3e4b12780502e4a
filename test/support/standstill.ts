import type { Reporter, TestModule, Vitest } from "vitest/node";

/** The longest file takes 2 to 3 minutes on two slow cores, each of its tests and hooks at most 5. */
const defaultMostMs = 10 * 60_000;

/**
 * Ends a run in which a file of tests does not come to its end. The time limit of a test is kept by the process that the test
 * runs in, so it does not end one that never gives the thread back, and the run would wait for it until somebody looks.
 */
export class Standstill implements Reporter {
  readonly #mostMs: number;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #vitest: Vitest | undefined;

  constructor(mostMs = defaultMostMs) {
    this.#mostMs = mostMs;
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestModuleQueued({ moduleId }: TestModule): void {
    this.#timers.set(moduleId, setTimeout(() => this.#end(moduleId), this.#mostMs).unref());
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    clearTimeout(this.#timers.get(moduleId));
  }

  #end(moduleId: string): void {
    console.error(`${moduleId} has not come to its end within ${this.#mostMs} ms: the run is ended, and has failed`);
    process.exitCode = 1;
    // The second one ends processes that do not listen.
    for (let times = 0; times < 2; times++) void this.#vitest?.cancelCurrentRun("test-failure");
  }
}
