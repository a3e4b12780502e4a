/** The clock and the timers that the loop uses. Tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970; jumps when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonic(): number;
  /** Calls back once, after `ms` milliseconds. The answer cancels it. */
  schedule(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  schedule(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or at once when the signal aborts; it never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.schedule(ms, end);
    signal?.addEventListener("abort", end);
  });
}

/**
 * Runs with a signal that aborts when `signal` does, and after `ms` milliseconds. Rejects at once then, however long `run`
 * takes to notice.
 *
 * @throws what `late` gives, if the time ran out first; else what `run` throws
 */
export async function withDeadline<T>(
  { clock, ms, signal, late }: { clock: Clock; ms: number; signal: AbortSignal | undefined; late: () => Error },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
  });
  const stop = () => controller.abort(signal?.reason);
  let isLate = false;
  const cancel = clock.schedule(ms, () => {
    isLate = true;
    controller.abort();
  });
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    return await Promise.race([run(controller.signal), aborted]);
  } catch (thrown) {
    throw isLate ? late() : thrown;
  } finally {
    cancel();
    signal?.removeEventListener("abort", stop);
  }
}
