import { AgentPolls } from "./agent-polls.js";
import { Enqueuer } from "./enqueue.js";
import type { Cancel, Clock, DispatchStore, Log, Random } from "./ports.js";

export interface QueueOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pollsPerHost: number;
  /** How often parked hosts are looked up although nobody kicked them. */
  readonly sweepMs: number;
}

/** The queue as a whole: the way in, the way out, and the store behind both. */
export class Queue {
  readonly polls: AgentPolls;
  readonly enqueuer: Enqueuer;
  readonly #options: QueueOptions;
  #cancelSweep: Cancel = () => undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.polls = new AgentPolls(options);
    this.enqueuer = new Enqueuer({ ...options, kick: (hostnames) => this.polls.kick(hostnames) });
    this.#sweepLater();
  }

  /** Resolves if takes and enqueues could be served just now. */
  check(): Promise<void> {
    return this.#options.store.check();
  }

  /** From now on nothing new comes in and every poll is ended. */
  drain(): void {
    this.#cancelSweep();
    this.enqueuer.drain();
    this.polls.drain();
  }

  /** To be called when the last answer is out or given up: puts back what did not leave, then closes the store. */
  async close(): Promise<void> {
    this.#cancelSweep();
    await this.polls.settled();
    await this.#options.store.close();
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.after(this.#options.sweepMs, () => {
      this.polls.sweep();
      this.#sweepLater();
    });
  }
}
