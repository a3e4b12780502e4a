import { AgentError } from "./errors.js";
import type { LeasedDispatch } from "./leased-dispatch.js";
import { reasonOf, truncateReason } from "./reason.js";

/**
 * Does what a dispatch asks for; when it throws, the dispatch is rejected. `signal` aborts when there is no use in going on:
 * the lease is lost (its reason is an `AgentError`), or `abandon` has aborted (then it is that one's reason).
 */
export type Handler = (dispatch: LeasedDispatch, signal: AbortSignal) => unknown;

/** What became of a dispatch. */
export type Outcome =
  | { readonly kind: "acknowledged" }
  /** The handler threw `thrown`. */
  | { readonly kind: "rejected"; readonly reason: string; readonly thrown: unknown }
  /**
   * The lease was lost while the handler ran, or before the server had been told how it ended. The dispatch is handed out
   * again, unless somebody has taken it back or replaced it.
   */
  | { readonly kind: "lost"; readonly cause: AgentError }
  /** `abandon` aborted first. The server was not told, so the dispatch is handed out again when its lease has run out. */
  | { readonly kind: "abandoned" };

export interface HandleOptions {
  /**
   * Leaves off when it aborts: tells the handler to stop, and the server nothing. A dispatch that is acknowledged by then
   * stays so. For an orderly end abort `signal` of the agent's options instead, which lets the handler finish.
   */
  readonly abandon?: AbortSignal | undefined;
}

export interface HandleAllOptions extends HandleOptions {
  /** Told after each dispatch. What it throws ends the iteration. */
  readonly onOutcome?: (dispatch: LeasedDispatch, outcome: Outcome) => void;
}

/**
 * Handles the dispatches of this host one after the other, until the iteration ends:
 *
 * ```ts
 * await handle(dispatches({ server, hostname, ca, cert, key, leaseSeconds: 60 }), async ({ targetClosure }, signal) => {
 *   await activate(targetClosure, { signal });
 * });
 * ```
 *
 * @throws what the iteration throws
 */
export async function handle(
  source: AsyncIterable<LeasedDispatch>,
  handler: Handler,
  { onOutcome, abandon }: HandleAllOptions = {},
): Promise<void> {
  for await (const dispatch of source) {
    const outcome = await handleOne(dispatch, handler, { abandon });
    onOutcome?.(dispatch, outcome);
    if (abandon?.aborted) return;
  }
}

/**
 * Runs the handler, keeps the lease meanwhile, and tells the server how it ended: done, or failed with the last line of
 * what it threw. It waits for the handler in any case, so that no two ever run at once.
 */
export async function handleOne(
  dispatch: LeasedDispatch,
  handler: Handler,
  { abandon }: HandleOptions = {},
): Promise<Outcome> {
  const keeper = dispatch.keepLease();
  const signal = abandon === undefined ? keeper.lost : AbortSignal.any([keeper.lost, abandon]);
  const result = await resultOf(handler, dispatch, signal);
  keeper.release();
  if (abandon?.aborted) return { kind: "abandoned" };
  if (keeper.lost.aborted) return lost(keeper.lost.reason);
  try {
    return await tell(dispatch, result, abandon);
  } catch (thrown) {
    if (abandon?.aborted) return { kind: "abandoned" };
    return lost(thrown);
  }
}

type Result = { readonly ok: true } | { readonly ok: false; readonly thrown: unknown };

async function resultOf(handler: Handler, dispatch: LeasedDispatch, signal: AbortSignal): Promise<Result> {
  try {
    await handler(dispatch, signal);
    return { ok: true };
  } catch (thrown) {
    return { ok: false, thrown };
  }
}

async function tell(dispatch: LeasedDispatch, result: Result, signal: AbortSignal | undefined): Promise<Outcome> {
  if (result.ok) {
    await dispatch.acknowledge({ signal });
    return { kind: "acknowledged" };
  }
  const reason = truncateReason(reasonOf(result.thrown));
  await dispatch.reject(reason, { signal });
  return { kind: "rejected", reason, thrown: result.thrown };
}

/** @throws what is none of the agent's errors: `onEvent` threw it */
function lost(cause: unknown): Outcome {
  if (cause instanceof AgentError) return { kind: "lost", cause };
  throw cause;
}
