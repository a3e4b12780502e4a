import { instantFromMs } from "./instant.js";
import type { Cancel, Clock, DispatchStore, Log } from "./ports.js";

export interface PrunerOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
  /** How long history, and what is done, is kept. */
  readonly retainMs: number;
}

/** Rows of each kind in one transaction: a few milliseconds of the event loop. */
const maxRowsPerBatch = 200;

/** Between two batches, so that takes come in between. */
const pauseMs = 50;

/** Between two rounds. */
const roundMs = 10 * 60_000;

/** Removes what has been over for longer than `retainMs`, a little at a time. */
export class Pruner {
  readonly #options: PrunerOptions;
  #cancel: Cancel;
  #pruning: Promise<void> | undefined;
  #removed = 0;
  #stopped = false;

  constructor(options: PrunerOptions) {
    this.#options = options;
    this.#cancel = this.#after(pauseMs);
  }

  /** Resolves once no batch is under way; none follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#pruning;
  }

  #after(ms: number): Cancel {
    return this.#options.clock.after(ms, () => {
      this.#pruning = this.#prune();
    });
  }

  async #prune(): Promise<void> {
    const { store, clock, log, retainMs } = this.#options;
    let removed = 0;
    try {
      // Before 1970 there is nothing.
      removed = await store.prune(instantFromMs(Math.max(0, clock.nowMs() - retainMs)), maxRowsPerBatch);
    } catch (error) {
      log.error({ err: error }, "pruning failed; the next round tries again");
    }
    this.#removed += removed;
    if (removed === 0 && this.#removed > 0) {
      log.info({ rows: this.#removed }, "pruned");
      this.#removed = 0;
    }
    if (!this.#stopped) this.#cancel = this.#after(removed > 0 ? pauseMs : roundMs);
  }
}
