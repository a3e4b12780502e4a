import type { AgentPolls } from "./agent-polls.js";
import type { NewDispatch } from "./dispatch.js";
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
  /** The polls that may take what comes in, at once. Default: none, they are kicked. */
  readonly polls?: Pick<AgentPolls, "takeAlong">;
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
      commit: (groups) => this.#commit(groups),
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
    this.#options.kick(hostsOf(group.dispatches));
    if (group.dispatches.some(({ notBefore, notAfter }) => notBefore !== null || notAfter !== null)) {
      this.#options.onTimed();
    }
    return receipt;
  }

  async #commit(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    const { store, polls } = this.#options;
    const both = await polls?.takeAlong(
      hostsOf(groups.flatMap(({ dispatches }) => dispatches)),
      async (wants) => await store.enqueueAndTake?.(groups, wants),
    );
    return both?.receipts ?? (await store.enqueue(groups));
  }

  /** From now on every new enqueue is refused; those under way finish. */
  drain(): void {
    this.#draining = true;
  }
}

function hostsOf(dispatches: readonly NewDispatch[]): ReadonlySet<Hostname> {
  return new Set(dispatches.map(({ hostname }) => hostname));
}
