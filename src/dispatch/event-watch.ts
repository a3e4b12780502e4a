import type { Bell } from "./bell.js";
import { DispatchError } from "./errors.js";
import type { DispatchEvent } from "./event.js";
import type { DispatchStore, EventFilter } from "./ports.js";

export interface EventWatchOptions {
  readonly store: Pick<DispatchStore, "listEvents">;
  readonly bell: Bell;
}

/** Events in one portion: what a watcher can have in memory at a time, about 100 KB. */
const maxEventsPerPortion = 200;

export interface Portion {
  readonly events: readonly DispatchEvent[];
  /** Everything up to this id has been given out, or is not what was asked for. */
  readonly lastId: number;
}

/**
 * Watchers of the history. Each reads it at its own pace: the bell only says that there is more, and nothing is kept for
 * one that is slow.
 */
export class EventWatch {
  readonly #options: EventWatchOptions;
  readonly #drained = new AbortController();

  constructor(options: EventWatchOptions) {
    this.#options = options;
  }

  /** How many there are now. */
  get watchers(): number {
    return this.#options.bell.listeners;
  }

  /**
   * Portions of what is behind `afterId`, for ever; the first one at once, empty or not, each later one with something.
   *
   * @throws DispatchError `draining`, or the reason that `signal` was aborted with
   */
  async *watch(filter: EventFilter, afterId: number, signal: AbortSignal): AsyncGenerator<Portion> {
    const stop = AbortSignal.any([signal, this.#drained.signal]);
    const bell = new Ears(this.#options.bell);
    let lastId = afterId;
    try {
      for (let isFirst = true; ; isFirst = false) {
        stop.throwIfAborted();
        bell.forget();
        const events = await this.#options.store.listEvents(filter, lastId, maxEventsPerPortion);
        lastId = events.at(-1)?.id ?? lastId;
        if (events.length > 0 || isFirst) yield { events, lastId };
        if (events.length < maxEventsPerPortion) await bell.heard(stop);
      }
    } finally {
      bell.close();
    }
  }

  /** Every watch, present or to come, ends. */
  drain(): void {
    this.#drained.abort(new DispatchError("draining", "the server is shutting down", { retryAfterSeconds: 5 }));
  }
}

/** Remembers whether the bell has rung since it was last asked, so that nothing falls between a look and the wait after it. */
class Ears {
  readonly #close: () => void;
  #hasRung = false;
  #wake: () => void = () => undefined;

  constructor(bell: Bell) {
    this.#close = bell.listen(() => {
      this.#hasRung = true;
      this.#wake();
    });
  }

  forget(): void {
    this.#hasRung = false;
  }

  /** @throws the signal's reason */
  async heard(signal: AbortSignal): Promise<void> {
    if (this.#hasRung) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      this.#wake = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  close(): void {
    this.#close();
  }
}
