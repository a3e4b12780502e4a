import type { Hostname } from "./hostname.js";
import type { Cancel, Clock, DispatchStore, DueReceipt, Log } from "./ports.js";

export interface DueWatchOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly kick: (hostnames: Iterable<Hostname>) => void;
  /** However far away the next thing is, it looks so often: the wall clock may be set meanwhile, or another server die. */
  readonly maxSleepMs?: number | undefined;
}

/** Row updates as dear as those of a take; see there. */
const maxRowsPerLook = 256;

const defaultMaxSleepMs = 60_000;

/** After a look that the store refused. */
const retryMs = 1_000;

/**
 * Looks at the store when something falls due there (a lease, `not_before`, `not_after`), and wakes the hosts for which
 * something waits then. A hint like every kick: the store's clock decides, and a take counts what is due by itself.
 */
export class DueWatch {
  readonly #options: DueWatchOptions;
  #cancel: Cancel | undefined;
  /** By the monotonic clock. */
  #nextLookMs = Number.POSITIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopped = false;

  constructor(options: DueWatchOptions) {
    this.#options = options;
  }

  /** Something new has an end, who knows when: looks at once. Many calls while a look is under way are one more look. */
  look(): void {
    if (this.#stopped) return;
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.look();
    });
  }

  /** What somebody else has found out. */
  heard({ hostnames, nextInMs }: DueReceipt): void {
    if (hostnames.size > 0) this.#options.kick(hostnames);
    const { maxSleepMs = defaultMaxSleepMs } = this.#options;
    this.#sleep(Math.min(nextInMs ?? maxSleepMs, maxSleepMs));
  }

  /** Resolves once no look is under way; none follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    while (this.#looking !== undefined) await this.#looking;
  }

  async #look(): Promise<void> {
    this.#cancel?.();
    this.#nextLookMs = Number.POSITIVE_INFINITY;
    await new Promise<void>((resolve) => this.#options.clock.nextTurn(resolve));
    try {
      this.heard(await this.#options.store.settleDue(maxRowsPerLook));
    } catch (error) {
      this.#options.log.error({ err: error }, "the look at what is due failed");
      this.#sleep(retryMs);
    }
  }

  #sleep(ms: number): void {
    const nextLookMs = this.#options.clock.monotonicMs() + ms;
    if (this.#stopped || nextLookMs >= this.#nextLookMs) return;
    this.#cancel?.();
    this.#nextLookMs = nextLookMs;
    this.#cancel = this.#options.clock.after(ms, () => this.look());
  }
}
