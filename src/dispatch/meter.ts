import type { EnqueueResult } from "./dispatch.js";
import type { NewEvent } from "./event.js";
import type { Origin } from "./origin.js";
import type { DispatchStore } from "./ports.js";
import type { ReportStore } from "./reports.js";

/** `enqueueAndTake` counts as an enqueue. */
export type StoreOperation = Exclude<keyof DispatchStore, "close" | "enqueueAndTake"> | keyof ReportStore;

/**
 * Is told of the rules' work as it is done, for somebody who counts. Called where every microsecond is paid for by a fleet
 * that waits: it must return at once and never throw.
 */
export interface Meter {
  /** An enqueue is on disk. */
  enqueued(results: readonly EnqueueResult[]): void;
  /** A batch of takes is over, its hand-outs included: for how many hosts, and how long it was. */
  tookBatch(hosts: number, ms: number): void;
  /**
   * An answer with a dispatch has been handed to the operating system whole.
   *
   * @param sinceKickMs since the kick that woke its poll; `undefined` for a poll that found it by itself
   */
  flushed(wire: Origin["wire"], sinceEnqueueMs: number, sinceKickMs: number | undefined): void;
  /** An answer with a dispatch provably did not leave. */
  lost(wire: Origin["wire"]): void;
  /** A step, or the passing of time, has changed a dispatch; its event is on disk. */
  changed(event: NewEvent): void;
  /** A call of the store has succeeded, and how long it was. */
  stored(operation: StoreOperation, ms: number): void;
  /** A call of the store has failed. */
  storeFailed(operation: StoreOperation): void;
}

/** For who does not count. */
export const noMeter: Meter = {
  enqueued() {},
  tookBatch() {},
  flushed() {},
  lost() {},
  changed() {},
  stored() {},
  storeFailed() {},
};
