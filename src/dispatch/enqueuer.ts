import { maxDispatchesPerEnqueue } from "./enqueue.js";
import { DispatchError } from "./errors.js";
import { GroupCommit } from "./group-commit.js";
import type { Hostname } from "./hostname.js";
import { type Meter, noMeter } from "./meter.js";
import type { Clock, DispatchStore, EnqueueGroup, EnqueueReceipt, FailPoint } from "./ports.js";

export interface EnqueuerOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly failPoint: FailPoint;
  /** Called after the commit with the hosts that have something new. */
  readonly kick: (hostnames: Iterable<Hostname>) => void;
  /** Called after the commit of something that waits for its time, or stops to wait at one. */
  readonly onTimed: () => void;
  /** Default: none. */
  readonly meter?: Meter;
}

/** The way into the queue. Enqueues of one turn of the event loop share a transaction. */
export class Enqueuer {
  readonly #options: EnqueuerOptions;
  readonly #commits: GroupCommit<EnqueueGroup, EnqueueReceipt>;
  readonly #meter: Meter;
  #draining = false;

  constructor(options: EnqueuerOptions) {
    this.#options = options;
    this.#meter = options.meter ?? noMeter;
    this.#commits = new GroupCommit({
      commit: (groups) => options.store.enqueue(groups),
      clock: options.clock,
      weigh: (group) => group.dispatches.length,
      maxWeight: maxDispatchesPerEnqueue,
    });
  }

  /**
   * All of them or none. When it resolves they are on disk and their hosts' polls are on their way.
   *
   * @throws DispatchError `draining`, or the store's error
   */
  async enqueue(group: EnqueueGroup): Promise<EnqueueReceipt> {
    if (this.#draining) throw new DispatchError("draining", "the server is shutting down", { retryAfterSeconds: 5 });
    const receipt = await this.#commits.add(group);
    this.#options.failPoint("enqueue-committed");
    this.#meter.enqueued(receipt.results);
    this.#options.kick(new Set(group.dispatches.map(({ hostname }) => hostname)));
    if (group.dispatches.some(({ notBefore, notAfter }) => notBefore !== null || notAfter !== null)) {
      this.#options.onTimed();
    }
    return receipt;
  }

  /** From now on every new enqueue is refused; those under way finish. */
  drain(): void {
    this.#draining = true;
  }
}
