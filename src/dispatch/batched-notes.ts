import type { Note } from "./event.js";
import type { Hostname } from "./hostname.js";
import type { Cancel, Clock, DispatchStore, HostSeen, Log } from "./ports.js";

export interface BatchedNotesOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * How often it is looked whether more has come. What has is written once nothing more has come between two looks: who is
 * handed a dispatch in a burst does not wait for the history of those who were before.
 */
const quietMs = 100;

/** A burst that goes on is written all the same: after a second, which is the history that a crash takes along. */
const mostLooks = 10;

/** Or when so much of it waits. */
const mostOfABurst = 8_000;

/** After a write that the store refused. */
const retryMs = 1_000;

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
  /** How much has come since the last look. */
  #come = 0;

  constructor(options: BatchedNotesOptions) {
    this.#options = options;
  }

  event(event: Note): void {
    this.#events.push(event);
    this.#come += 1;
    // Many at once: to take the first one off a long list moves all others.
    if (this.#events.length > maxWaiting) this.#events.splice(0, maxNotesPerWrite);
    this.#writeLater();
  }

  seen(host: HostSeen): void {
    this.#seen.set(host.hostname, host);
    this.#come += 1;
    this.#writeLater();
  }

  /** What is not written yet. */
  unwritten(hostname: Hostname): HostSeen | undefined {
    return this.#seen.get(hostname);
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    await this.#writing;
    while (this.#waiting > 0 && (await this.#write()));
    this.#cancel?.();
  }

  get #waiting(): number {
    return this.#events.length + this.#seen.size;
  }

  #writeLater(): void {
    if (this.#writing === undefined && this.#cancel === undefined) this.#look(mostLooks);
  }

  #look(looks: number, afterMs = quietMs): void {
    this.#come = 0;
    this.#cancel = this.#options.clock.after(afterMs, () => {
      if (this.#come > 0 && looks > 1 && this.#waiting < mostOfABurst) this.#look(looks - 1);
      else this.#writeNow();
    });
  }

  #writeNow(): void {
    this.#writing = this.#writeAll().then((isTaken) => {
      this.#writing = undefined;
      if (!isTaken) this.#look(1, retryMs);
      else if (this.#waiting > 0) this.#writeLater();
    });
  }

  /**
   * Everything that is more than one write, with room for others in between.
   *
   * @returns false if the store did not take it
   */
  async #writeAll(): Promise<boolean> {
    while (await this.#write()) {
      if (this.#waiting < maxNotesPerWrite) return true;
      await new Promise<void>((resolve) => this.#options.clock.nextTurn(resolve));
    }
    return false;
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
