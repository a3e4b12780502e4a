import { count } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { type DispatchState, dispatchStates } from "../../dispatch/dispatch.js";
import type { QueueStats } from "../../dispatch/reports.js";
import { dispatches } from "./schema.js";

type Counts = Record<DispatchState, number>;

/**
 * How many dispatches are in which state. They are counted once, when the file is opened, and from then on by what each transaction
 * changes, since the file is this process's alone. An index to count what is done by was a page more to write for a dispatch that is
 * alone, and 3 µs of each take of a batch (`docs/decisions/counted-in-memory.md`).
 */
export class StateCounts {
  readonly #kept: Counts;
  /** By the transaction that is under way. */
  readonly #changes: Counts = noneOfAny();

  constructor(counted: QueueStats["states"]) {
    this.#kept = { ...counted };
  }

  /** @param from `undefined`: it is new */
  moved(from: DispatchState | undefined, to: DispatchState): void {
    if (from !== undefined) this.#changes[from] -= 1;
    this.#changes[to] += 1;
  }

  removed(from: DispatchState): void {
    this.#changes[from] -= 1;
  }

  /** The transaction is over, and on disk. */
  kept(): void {
    for (const state of dispatchStates) {
      this.#kept[state] += this.#changes[state];
      this.#changes[state] = 0;
    }
  }

  /** The transaction has come to nothing. */
  forget(): void {
    for (const state of dispatchStates) this.#changes[state] = 0;
  }

  get now(): QueueStats["states"] {
    return { ...this.#kept };
  }
}

/** Goes through the table: 0.5 s for 1,000,000 rows. */
export function countStates(db: BetterSQLite3Database): QueueStats["states"] {
  const counts = noneOfAny();
  const { state } = dispatches;
  for (const { of, n } of db.select({ of: state, n: count() }).from(dispatches).groupBy(state).all()) counts[of] = n;
  return counts;
}

function noneOfAny(): Counts {
  return {
    pending: 0,
    leased: 0,
    delivered: 0,
    acknowledged: 0,
    rejected: 0,
    cancelled: 0,
    superseded: 0,
    expired: 0,
    dead: 0,
  };
}
