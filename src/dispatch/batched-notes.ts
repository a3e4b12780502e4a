import type { NewEvent } from "./event.js";
import type { Hostname } from "./hostname.js";
import type { Cancel, Clock, DispatchStore, HostSeen, Log } from "./ports.js";

export interface BatchedNotesOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** A burst costs one transaction in this time; what a crash takes along is history of less than this. */
const writeAfterMs = 250;

/** An event or a host. About 10 ms of the event loop; more are written in several turns. */
const maxNotesPerWrite = 500;

/** While the store does not take them. Beyond it the oldest are lost, rather than memory. */
const maxWaiting = 20_000;

/** History and presence that nothing depends on: collected, and written a little later. */
export class BatchedNotes {
  readonly #options: BatchedNotesOptions;
  #events: NewEvent[] = [];
  readonly #seen = new Map<Hostname, HostSeen>();
  #cancel: Cancel | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: BatchedNotesOptions) {
    this.#options = options;
  }

  event(event: NewEvent): void {
    this.#events.push(event);
    if (this.#events.length > maxWaiting) this.#events.shift();
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
    while (this.#events.length + this.#seen.size > 0) {
      const before = this.#events.length + this.#seen.size;
      await this.#write();
      if (this.#events.length + this.#seen.size >= before) break;
    }
    this.#cancel?.();
  }

  #writeLater(): void {
    if (this.#writing !== undefined) return;
    this.#cancel ??= this.#options.clock.after(writeAfterMs, () => {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (this.#events.length + this.#seen.size > 0) this.#writeLater();
      });
    });
  }

  async #write(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const events = this.#events.slice(0, maxNotesPerWrite);
    const seen = [...this.#seen.values()].slice(0, maxNotesPerWrite - events.length);
    try {
      await this.#options.store.note({ events, seen });
    } catch (error) {
      this.#options.log.warn({ err: error }, "history could not be written; it is tried again");
      return;
    }
    this.#events.splice(0, events.length);
    // Who was seen anew while this was written waits for the next.
    for (const host of seen) if (this.#seen.get(host.hostname) === host) this.#seen.delete(host.hostname);
  }
}
