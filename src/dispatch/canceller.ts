import type { DispatchKey, DispatchRow, DispatchState } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import type { Origin } from "./origin.js";
import type { DispatchFilter, DispatchStore } from "./ports.js";
import type { Steps } from "./steps.js";

export interface Cancellation {
  readonly filter: Pick<DispatchFilter, "hostname" | "rolloutId">;
  readonly origin: Origin;
  readonly reason: string;
  readonly dryRun: boolean;
}

export interface CancelResult extends DispatchKey {
  readonly outcome: "cancelled" | "too_late";
  readonly state: DispatchState;
}

/** What was over before anybody had it says nothing of what a cancellation came too late for. */
const states = [
  "pending",
  "leased",
  "delivered",
  "acknowledged",
  "rejected",
] as const satisfies readonly DispatchState[];

/** How many rows are read, and then written, at a time. */
const batchSize = 256;

/** Takes dispatches back, a batch at a time, so that a large rollout does not keep polls waiting. */
export class Canceller {
  readonly #store: DispatchStore;
  readonly #steps: Pick<Steps, "apply">;

  constructor(store: DispatchStore, steps: Pick<Steps, "apply">) {
    this.#store = store;
    this.#steps = steps;
  }

  /** In the order of (hostname, rollout). What is enqueued while it goes on may be missed, and then shows as pending. */
  async cancel(cancellation: Cancellation): Promise<readonly CancelResult[]> {
    const results: CancelResult[] = [];
    let after: DispatchKey | undefined;
    for (;;) {
      const rows = await this.#store.list({ ...cancellation.filter, states }, after, batchSize);
      results.push(...(await Promise.all(rows.map((row) => this.#cancelOne(row, cancellation)))));
      after = rows.at(-1);
      if (rows.length < batchSize) return results;
    }
  }

  async #cancelOne(row: DispatchRow, { origin, reason, dryRun }: Cancellation): Promise<CancelResult> {
    const { hostname, rolloutId } = row;
    const isLive = row.state === "pending" || row.state === "leased";
    if (!isLive) return { hostname, rolloutId, outcome: "too_late", state: row.state };
    if (dryRun) return { hostname, rolloutId, outcome: "cancelled", state: row.state };
    try {
      await this.#steps.apply({ kind: "cancel", hostname, rolloutId, origin, reason });
      return { hostname, rolloutId, outcome: "cancelled", state: "cancelled" };
    } catch (error) {
      if (!(error instanceof DispatchError) || error.reason !== "too_late") throw error;
      // Taken, or otherwise over, since it was listed.
      const now = await this.#store.find({ hostname, rolloutId });
      return { hostname, rolloutId, outcome: "too_late", state: now?.state ?? row.state };
    }
  }
}
