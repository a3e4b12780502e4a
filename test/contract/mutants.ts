import type { DispatchRow } from "../../src/dispatch/dispatch.js";
import type { Steady } from "../../src/dispatch/instant.js";
import type { Step, StepResult } from "../../src/dispatch/life.js";
import type { EnqueueGroup, EnqueueReceipt, TakeReceipt, TakeWant } from "../../src/dispatch/ports.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import type { OpenStore } from "./stores.js";

class Mutant extends MemoryStore {
  /** Changes every row of which `change` makes something. */
  edit(change: (row: DispatchRow) => Partial<DispatchRow> | undefined): void {
    for (const [name, row] of this.rows) this.rows.set(name, { ...row, ...change(row) });
  }
}

class ForgetsToCountAttempts extends Mutant {
  override async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    const receipt = await super.take(wants);
    const gone = new Set(receipt.taken.flat().map(({ take }) => take.sequence));
    this.edit((row) => (gone.has(row.sequence) ? { attempt: row.attempt - 1 } : undefined));
    return receipt;
  }
}

class IgnoresNotBefore extends Mutant {
  override async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    const windows = new Map([...this.rows.values()].map(({ sequence, notBefore }) => [sequence, notBefore]));
    this.edit(() => ({ notBefore: null }));
    const receipt = await super.take(wants);
    this.edit(({ sequence }) => ({ notBefore: windows.get(sequence) ?? null }));
    return receipt;
  }
}

class HandsOutNewestFirst extends Mutant {
  override async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    this.edit(({ sequence }) => ({ sequence: -sequence }));
    const receipt = await super.take(wants);
    this.edit(({ sequence }) => ({ sequence: -sequence }));
    return receipt;
  }
}

class TakesLateAcknowledgements extends Mutant {
  override async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    const late = steps.filter(({ kind }) => kind === "acknowledge");
    if (late.length > 0)
      this.edit(({ leaseEndsAt: end }) => (end === null ? undefined : { leaseEndsAt: muchLater(end) }));
    return super.apply(steps);
  }
}

class GivesBackWhatWasReplaced extends Mutant {
  override async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return super.apply(
      steps.map((step) => {
        if (step.kind !== "giveBack") return step;
        const row = this.rows.get(`${step.take.hostname} ${step.take.rolloutId}`);
        return row === undefined ? step : { ...step, take: { ...step.take, ...pick(row) } };
      }),
    );
  }
}

class ForgetsSomeHistory extends Mutant {
  override async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    const results = await super.apply(steps);
    this.events = this.events.filter(({ kind }) => kind !== "extended");
    return results;
  }
}

class NeverGivesUp extends Mutant {
  override async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    const receipts = await super.enqueue(groups);
    this.edit(({ maxAttempts }) => (maxAttempts === 1 ? { maxAttempts: 2 } : undefined));
    return receipts;
  }
}

class KeepsLeasesOverOtherClosures extends Mutant {
  override async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    return super.enqueue(
      groups.map((group) => ({
        ...group,
        dispatches: group.dispatches.map((dispatch) => {
          const row = this.rows.get(`${dispatch.hostname} ${dispatch.rolloutId}`);
          return row?.state === "leased" ? { ...dispatch, targetClosure: row.targetClosure } : dispatch;
        }),
      })),
    );
  }
}

class SupersedesUnasked extends Mutant {
  override async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    return super.enqueue(groups.map((group) => ({ ...group, supersede: true })));
  }
}

/** A wall clock measures its leases. */
class WallClock extends FakeClock {
  override monotonicMs(): number {
    return this.nowMs();
  }
}

/** Stores that are wrong in one point each, by what they do wrong. */
export const mutants: Readonly<Record<string, () => Promise<OpenStore>>> = {
  "forgets to count attempts": () => open(ForgetsToCountAttempts),
  "ignores not_before": () => open(IgnoresNotBefore),
  "hands out the newest first": () => open(HandsOutNewestFirst),
  "lets a late acknowledgement pass": () => open(TakesLateAcknowledgements),
  "gives back what was replaced": () => open(GivesBackWhatWasReplaced),
  "forgets an event": () => open(ForgetsSomeHistory),
  "gives up one attempt late": () => open(NeverGivesUp),
  "keeps a lease over another closure": () => open(KeepsLeasesOverOtherClosures),
  "supersedes unasked": () => open(SupersedesUnasked),
  "measures leases by the wall clock": () => open(Mutant, new WallClock()),
};

async function open(Store: typeof Mutant, clock = new FakeClock()): Promise<OpenStore> {
  const store = new Store(clock);
  return { store, clock, reopened: undefined, close: () => store.close() };
}

function muchLater(end: Steady): Steady {
  return (end + 1e12) as Steady;
}

function pick({ sequence, attempt }: DispatchRow) {
  return { sequence, attempt };
}
