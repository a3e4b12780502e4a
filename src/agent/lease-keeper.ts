import { pause } from "./clock.js";
import type { AgentError } from "./errors.js";
import type { HeldLease } from "./held-lease.js";
import { leaseEnded } from "./lease-call.js";
import type { LoopOptions } from "./options.js";

/** Something that extends a lease. */
export interface LeaseKeeper {
  /**
   * Aborts when the lease is lost, with an error as its reason: the server has ended the attempt (`AgentError`
   * `attempt-over`, `unknown-dispatch`), or no extension got through before the end (`lease-ended`). Work that is going on
   * should stop then, since the dispatch is handed out again.
   */
  readonly lost: AbortSignal;
  /** Extends no more. To be called in any case, or it goes on for ever. */
  release(): void;
}

/** Extends a lease by `leaseSeconds` about every third of that, whatever fails meanwhile, until it is lost or released. */
export function keepLease(
  held: HeldLease,
  leaseSeconds: number,
  { clock, random }: Pick<LoopOptions, "clock" | "random">,
): LeaseKeeper {
  const lost = new AbortController();
  const released = new AbortController();
  let lastFailure: AgentError | undefined;
  let cancelEnd = () => {};
  const release = () => {
    cancelEnd();
    released.abort();
  };
  const lose = (reason: unknown) => {
    if (released.signal.aborted) return;
    release();
    lost.abort(reason);
  };
  const watchEnd = () => {
    cancelEnd();
    cancelEnd = clock.schedule(Math.ceil(held.leftMs), () =>
      held.leftMs > 0 ? watchEnd() : lose(leaseEnded(lastFailure)),
    );
  };
  const extendForEver = async () => {
    for (;;) {
      await pause(clock, extendAfterMs(leaseSeconds, random), released.signal);
      if (released.signal.aborted) return;
      await held.extend(leaseSeconds, {
        signal: released.signal,
        // A certificate that is refused may be replaced before the end.
        isFinal: (error) => error.isVerdict,
        onFailure: (error) => {
          lastFailure = error;
        },
      });
      lastFailure = undefined;
      watchEnd();
    }
  };
  watchEnd();
  extendForEver().catch(lose);
  return { lost: lost.signal, release };
}

/** A third of the lease, a fifth more or less: hosts that took in one instant drift apart. */
function extendAfterMs(leaseSeconds: number, random: () => number): number {
  return Math.round((leaseSeconds * 1_000 * (0.8 + 0.4 * random())) / 3);
}
