import type { Note } from "./event.js";
import type { Hostname } from "./hostname.js";
import type { Cancel, Clock, DispatchStore, HostSeen, Log } from "./ports.js";

export interface BatchedNotesOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** A burst costs one transaction in this time; what a crash takes along is history of less than this. */
const writeAfterMs = 250;

/**
 * An event or a host. About 10 ms of the event loop; more are written turn after turn. Those of many hosts are written on
 * pages of the file that they share, so many at once are cheaper: 9 µs each by 500, 5 by 2,000.
 */
const maxNotesPerWrite = 2_000;

/** While the store does not take them. Beyond it the oldest are lost, rather than memory. */
const maxWaiting = 20_000;

/** History and presence that nothing depends on: collected, and written a little later. */
export class BatchedNotes {
  readonly #options: BatchedNotesOptions;
  #events: Note[] = [];
  readonly #seen = new Map<Hostname, HostSeen>();
  #cancel: Cancel | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: BatchedNotesOptions) {
    this.#options = options;
  }

  event(event: Note): void {
    this.#events.push(event);
    // Many at once: to take the first one off a long list moves all others.
    if (this.#events.length > maxWaiting) this.#events.splice(0, maxNotesPerWrite);
    this.#writeLater();
  }

  seen(host: HostSeen): void {
    this.#seen.set(host.hostname, host);
    this.#writeLater();
  }

  /** What is not written yet. */
  unwritten(hostname: Hostname): HostSeen | undefined {
    return this.#seen.get(hostname);
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    await this.#writing;
    while (this.#events.length + this.#seen.size > 0 && (await this.#write()));
    this.#cancel?.();
  }

  #writeLater(): void {
    if (this.#writing !== undefined) return;
    this.#cancel ??= this.#options.clock.after(writeAfterMs, () => {
      this.#writing = this.#writeAll().finally(() => {
        this.#writing = undefined;
        if (this.#events.length + this.#seen.size > 0) this.#writeLater();
      });
    });
  }

  /** Everything that is more than one write, with room for others in between. */
  async #writeAll(): Promise<void> {
    while (await this.#write()) {
      if (this.#events.length + this.#seen.size < maxNotesPerWrite) return;
      await new Promise<void>((resolve) => this.#options.clock.nextTurn(resolve));
    }
  }

  /** @returns false if the store did not take them */
  async #write(): Promise<boolean> {
    this.#cancel?.();
    this.#cancel = undefined;
    const events = this.#events.slice(0, maxNotesPerWrite);
    const seen = firstOf(this.#seen.values(), maxNotesPerWrite - events.length);
    try {
      await this.#options.store.note({ events, seen });
    } catch (error) {
      this.#options.log.warn({ err: error }, "history could not be written; it is tried again");
      return false;
    }
    this.#events.splice(0, events.length);
    // Who was seen anew while this was written waits for the next.
    for (const host of seen) if (this.#seen.get(host.hostname) === host) this.#seen.delete(host.hostname);
    return true;
  }
}

function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  for (const item of items) {
    if (first.length >= count) break;
    first.push(item);
  }
  return first;
}
