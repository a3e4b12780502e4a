import type { DispatchRow } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import { GroupCommit } from "./group-commit.js";
import type { Hostname } from "./hostname.js";
import { keyOf, type Step, type StepResult } from "./life.js";
import { type Meter, noMeter } from "./meter.js";
import type { Cancel, Clock, DispatchStore, FailPoint, Log } from "./ports.js";

export interface StepsOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly failPoint: FailPoint;
  /** Called after the commit with the hosts for which something waits again. */
  readonly kick: (hostnames: Iterable<Hostname>) => void;
  /** Called after the commit that moved the end of a lease. */
  readonly onTimed: () => void;
  /** Default: none. */
  readonly meter?: Meter;
}

/** Row updates of a step are as dear as those of a take; 256 hold the event loop for about 10 ms. */
const maxStepsPerBatch = 256;

/** How soon something that the store refused is tried again. */
const retryMs = 1_000;

/** What happens to dispatches after their take. Steps of one turn of the event loop share a transaction. */
export class Steps {
  readonly #options: StepsOptions;
  readonly #commits: GroupCommit<Step, StepResult>;
  readonly #meter: Meter;
  /** Steps that nobody waits for an answer to, and that must not get lost. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #failed = new Set<Step>();
  #cancelRetry: Cancel | undefined;
  #closing = false;

  constructor(options: StepsOptions) {
    this.#options = options;
    this.#meter = options.meter ?? noMeter;
    this.#commits = new GroupCommit({
      commit: (steps) => options.store.apply(steps),
      clock: options.clock,
      weigh: () => 1,
      maxWeight: maxStepsPerBatch,
    });
  }

  /**
   * For a caller that waits for the answer.
   *
   * @returns the row after the step; `undefined` if there was nothing to do (any more)
   * @throws DispatchError `unknown_dispatch`, `attempt_over`, or the store's error
   */
  async apply(step: Step): Promise<DispatchRow | undefined> {
    const result = await this.#commits.add(step);
    this.#options.failPoint("step-committed");
    if (!result.ok) throw result.error;
    if (result.change !== undefined) this.#meter.changed(result.change.event);
    const row = result.change?.row;
    if (row?.state === "pending") this.#options.kick([row.hostname]);
    if (row?.state === "leased") this.#options.onTimed();
    return row;
  }

  /** For what nobody waits for. Where the store refuses, it is tried again until it takes it or the server ends. */
  applyLater(step: Step): void {
    const done = this.apply(step).then(
      () => undefined,
      (error: unknown) => this.#failedLater(step, error),
    );
    this.#underWay.add(done);
    void done.then(() => this.#underWay.delete(done));
  }

  /** Resolves once everything that was asked for has been tried, and once more what failed. */
  async settled(): Promise<void> {
    await this.#untilTried();
    this.#closing = true;
    this.#retry();
    await this.#untilTried();
  }

  async #untilTried(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #failedLater(step: Step, error: unknown): void {
    const { hostname, rolloutId } = keyOf(step);
    const fields = { err: error, step: step.kind, hostname, rolloutId };
    // A step that life refuses stays refused.
    if (error instanceof DispatchError && error.reason !== "store_unavailable") {
      this.#options.log.debug(fields, "step refused");
      return;
    }
    if (this.#closing) {
      this.#options.log.error(fields, "step lost: the store refused it at the end");
      return;
    }
    this.#options.log.error(fields, "step failed; it is tried again");
    this.#failed.add(step);
    this.#cancelRetry ??= this.#options.clock.after(retryMs, () => this.#retry());
  }

  #retry(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const failed = [...this.#failed];
    this.#failed.clear();
    for (const step of failed) this.applyLater(step);
  }
}
