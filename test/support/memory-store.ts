import type { Dispatch, EnqueueResult, NewDispatch, TakeKey, Taken } from "../../src/dispatch/dispatch.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import type { Clock, DispatchStore, EnqueueReceipt, TakeWant } from "../../src/dispatch/ports.js";

interface Row extends Dispatch {
  pending: boolean;
  sequence: number;
  attempt: number;
}

/**
 * The port as plainly as it can be said, for tests of the rules above it. It passes the same contract as the real stores.
 * `before` runs at the start of each take, so that a test can hold a take open or fail it.
 */
export class MemoryStore implements DispatchStore {
  readonly rows = new Map<string, Row>();
  /** The hosts of each take, in order. */
  readonly takes: (readonly TakeWant[])[] = [];
  before: () => Promise<void> = async () => undefined;
  readonly #clock: Pick<Clock, "nowMs">;
  #sequence = 0;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  async take(wants: readonly TakeWant[]): Promise<readonly (readonly Taken[])[]> {
    this.takes.push(wants);
    await this.before();
    return wants.map(({ hostname, limit }) => {
      const mine = [...this.rows.values()].filter((row) => row.pending && row.hostname === hostname);
      mine.sort((a, b) => a.enqueuedAt - b.enqueuedAt || a.sequence - b.sequence);
      return mine.slice(0, limit).map(takeRow);
    });
  }

  async giveBack(takes: readonly TakeKey[]): Promise<readonly boolean[]> {
    return takes.map((key) => {
      const row = this.rows.get(`${key.hostname} ${key.rolloutId}`);
      const isSame = row?.sequence === key.sequence && row.attempt === key.attempt && !row.pending;
      if (isSame) row.pending = true;
      return isSame;
    });
  }

  async enqueue(groups: readonly (readonly NewDispatch[])[]): Promise<readonly EnqueueReceipt[]> {
    const enqueuedAt = instantFromMs(this.#clock.nowMs());
    return groups.map((group) => ({
      enqueuedAt,
      results: group.map((dispatch): EnqueueResult => {
        const key = `${dispatch.hostname} ${dispatch.rolloutId}`;
        const outcome = this.rows.get(key)?.pending === true ? "replaced" : "created";
        this.#sequence += 1;
        this.rows.set(key, { ...dispatch, enqueuedAt, pending: true, sequence: this.#sequence, attempt: 0 });
        return { hostname: dispatch.hostname, rolloutId: dispatch.rolloutId, outcome };
      }),
    }));
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

function takeRow(row: Row): Taken {
  row.pending = false;
  row.attempt += 1;
  const { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, attempt } = row;
  return {
    dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
    take: { hostname, rolloutId, sequence, attempt },
  };
}
