import { retryDelayMs } from "./back-off.js";
import { pause } from "./clock.js";
import type { Dispatch } from "./dispatch.js";
import { AgentError } from "./errors.js";
import type { LeaseCall } from "./events.js";
import type { Line, LineCall } from "./line.js";
import type { LoopOptions } from "./options.js";

export interface LeaseCallOptions<T> extends LineCall<T> {
  readonly call: LeaseCall;
  readonly dispatch: Dispatch;
  /** What is left of the lease, in milliseconds; not above 0 once it has ended. */
  readonly leftMs: () => number;
  readonly isFinal: (error: AgentError) => boolean;
  /** Told of each failure that is not final. */
  readonly onFailure: (error: AgentError) => void;
}

/** With less than this left, another attempt would hardly be in time. */
const leastLeftMs = 100;

/**
 * Makes a call about a dispatch, again and again until the server has answered it or the lease has ended. Each of them is
 * safe to repeat. One that begins after the end is made once: the server decides when a lease is over.
 *
 * @throws AgentError the first that is final, or `lease-ended` with the last one as its cause; or the signal's reason
 */
export async function callUntilLeaseEnds<T>(
  line: Line,
  { retry, random, onEvent, clock }: Pick<LoopOptions, "retry" | "random" | "onEvent" | "clock">,
  { call, dispatch, leftMs, isFinal, onFailure, ...attempt }: LeaseCallOptions<T>,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    const result = await outcomeOf(line.call(attempt));
    if ("answer" in result) return result.answer;
    const { cause } = result;
    if (isFinal(cause)) throw cause;
    onFailure(cause);
    if (leftMs() < leastLeftMs) throw leaseEnded(cause);
    const waitMs = retryDelayMs(retry, failures - 1, random, cause.retryAfterMs);
    // Who would have to wait beyond the end, for the back-off or for Retry-After, gets another attempt before it.
    const delayMs = waitMs < leftMs() ? waitMs : Math.round(leftMs() / 2);
    onEvent({ type: "retrying-call", call, dispatch, cause, delayMs, failures });
    await pause(clock, delayMs, attempt.signal);
  }
}

async function outcomeOf<T>(answer: Promise<T>): Promise<{ readonly answer: T } | { readonly cause: AgentError }> {
  try {
    return { answer: await answer };
  } catch (thrown) {
    if (thrown instanceof AgentError) return { cause: thrown };
    throw thrown;
  }
}

/** @param cause what failed last, if anything has */
export function leaseEnded(cause: AgentError | undefined): AgentError {
  const why = cause === undefined ? "" : `: ${cause.message}`;
  return new AgentError("lease-ended", `the lease has ended${why}`, { cause });
}
