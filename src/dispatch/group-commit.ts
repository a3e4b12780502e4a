import { gather } from "./gather.js";
import type { Clock } from "./ports.js";

export interface GroupCommitOptions<Item, Result> {
  /** One transaction for the whole batch. Answers for each item in order; if it throws, every item fails with that. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly clock: Pick<Clock, "nextTurn" | "monotonicMs">;
  /** What an item adds to its batch, in rows. */
  readonly weigh: (item: Item) => number;
  /** A batch is closed before it grows over this many rows; a single heavier item goes alone. */
  readonly maxWeight: number;
}

/**
 * Collects what falls due in one turn of the event loop, or in a burst over several, and commits it as one batch, so that it costs
 * one transaction (and one fsync) instead of one each. While a batch is being committed the next one collects.
 */
export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  #waiting: Entry<Item, Result>[] = [];
  #busy = false;

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#busy) this.#schedule();
    });
  }

  #schedule(): void {
    this.#busy = true;
    const { clock, maxWeight } = this.#options;
    // Each weighs one at least. What is full sooner does not wait for long either.
    gather(clock, { count: () => this.#waiting.length, enough: maxWeight }, () => void this.#run());
  }

  async #run(): Promise<void> {
    const batch = this.#nextBatch();
    try {
      const results = await this.#options.commit(batch.map((entry) => entry.item));
      if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
      for (const [i, result] of results.entries()) batch[i]?.resolve(result);
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
    this.#busy = false;
    if (this.#waiting.length > 0) this.#schedule();
  }

  #nextBatch(): Entry<Item, Result>[] {
    let weight = 0;
    let size = 0;
    for (const entry of this.#waiting) {
      weight += this.#options.weigh(entry.item);
      if (size > 0 && weight > this.#options.maxWeight) break;
      size += 1;
    }
    return this.#waiting.splice(0, size);
  }
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
