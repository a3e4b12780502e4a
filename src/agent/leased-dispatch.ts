import type { Dispatch } from "./dispatch.js";
import { HeldLease, type Holding } from "./held-lease.js";
import type { Lease } from "./lease.js";
import { keepLease, type LeaseKeeper } from "./lease-keeper.js";

/**
 * A dispatch that is this agent's until its lease ends: before that it wants to be acknowledged or rejected, or its lease
 * extended; else the server hands it out again. The server can be told at any time, also while the next poll waits and
 * after the iteration has ended.
 *
 * Each call is safe to repeat. One that fails on its way, or that the server cannot serve just now, is made again with the
 * agent's back-off until the lease has ended; `onEvent` hears of it. What it throws in the end:
 *
 * - `AgentError` `attempt-over` or `unknown-dispatch`: the server has ended this attempt; nothing can be said of it any more
 * - `AgentError` `lease-ended`: the lease ended before an answer came; the dispatch is handed out again, unless it was only
 *   the answer that got lost
 * - `AgentError` `denied` or `credentials`, with `failFast`
 * - the reason of the signal that was passed, if that aborted; the server may or may not have heard
 */
export interface LeasedDispatch extends Dispatch {
  /** As it came, or as it was extended last. */
  readonly lease: Lease;

  /**
   * What is left of the lease in milliseconds, 0 once it has ended: by this machine's monotonic clock, from when the
   * dispatch came or the last extension was asked for. The wall clocks of agent and server need not agree.
   */
  readonly leftMs: number;

  /** Says that it is done. */
  acknowledge(settings?: LeaseCallSettings): Promise<void>;

  /** Says that it cannot be done, for good: it is not handed out again. `reason` is cut after 1,024 bytes of UTF-8. */
  reject(reason: string, settings?: LeaseCallSettings): Promise<void>;

  /**
   * Starts the lease anew.
   *
   * @param seconds 1 to 3,600. Default: as many as the take asked for.
   * @throws RangeError for another number
   */
  extend(seconds?: number, settings?: LeaseCallSettings): Promise<Lease>;

  /** Extends the lease from now on, about every third of its length, until it is lost or released. */
  keepLease(): LeaseKeeper;
}

export interface LeaseCallSettings {
  readonly signal?: AbortSignal | undefined;
}

export function leasedDispatch(holding: Holding): LeasedDispatch {
  const held = new HeldLease(holding);
  return {
    ...holding.dispatch,
    get lease() {
      return held.lease;
    },
    get leftMs() {
      return held.leftMs;
    },
    acknowledge: ({ signal } = {}) => held.acknowledge({ signal }),
    reject: (reason, { signal } = {}) => held.reject(reason, { signal }),
    extend: (seconds, { signal } = {}) => held.extend(seconds, { signal }),
    keepLease: () => keepLease(held, holding.leaseSeconds, holding.options),
  };
}
