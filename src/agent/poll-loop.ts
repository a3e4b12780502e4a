import { retryDelayMs } from "./back-off.js";
import { pause } from "./clock.js";
import type { Dispatch, Taken } from "./dispatch.js";
import { AgentError, toAgentError } from "./errors.js";
import type { Line } from "./line.js";
import { type LoopOptions, servedWaitMs } from "./options.js";

/**
 * ```
 *           ┌──── dispatch: yield ◀────┐
 *           ▼                          │
 *   (connect if needed) ─────▶ one poll, with a deadline ── empty in due time ──▶ poll again at once
 *           ▲                          │
 *           └── wait with jitter ◀─────┘ failed (retire the connection), refused, empty too early
 * ```
 * Ends when `stop` aborts. What it yields, `accept` makes of what was taken, in the moment of its arrival.
 */
export async function* pollLoop(
  { options, line, accept }: { options: LoopOptions; line: Line; accept: (taken: Taken) => Dispatch },
  stop: AbortSignal,
): AsyncGenerator<Dispatch> {
  let failures = 0;
  try {
    while (!stop.aborted) {
      const polled = await poll(options, line, stop);
      if (stop.aborted && !("taken" in polled)) return;
      const outcome = judge(polled, options);
      if (!(outcome instanceof AgentError)) {
        failures = 0;
        if (outcome !== "empty") yield accept(outcome);
        continue;
      }
      if (options.failFast && outcome.isFinal) throw outcome;
      const delayMs = retryDelayMs(options.retry, failures, options.random, outcome.retryAfterMs);
      failures += 1;
      options.onEvent({ type: "retrying", cause: outcome, delayMs, failures });
      await pause(options.clock, delayMs, stop);
    }
  } finally {
    line.end();
  }
}

interface Empty {
  readonly elapsedMs: number;
}

type Polled = { readonly taken: Taken } | Empty | AgentError;

async function poll({ clock, timeoutMs }: LoopOptions, line: Line, stop: AbortSignal): Promise<Polled> {
  const startedAtMs = clock.monotonic();
  try {
    const taken = await line.call({
      ms: timeoutMs,
      signal: stop,
      run: (connection, signal) => connection.take(signal),
    });
    return taken === undefined ? { elapsedMs: Math.round(clock.monotonic() - startedAtMs) } : { taken };
  } catch (thrown) {
    return toAgentError(thrown);
  }
}

/** What a poll brought, after the rules that hold for both wires. */
function judge(polled: Polled, options: LoopOptions): Taken | "empty" | AgentError {
  if (polled instanceof AgentError) return polled;
  if ("elapsedMs" in polled) {
    options.onEvent({ type: "polled-empty", elapsedMs: polled.elapsedMs });
    return tooEarly(polled, options.waitSeconds) ?? "empty";
  }
  const { dispatch } = polled.taken;
  if (dispatch.hostname === options.hostname) return polled.taken;
  options.onEvent({ type: "refused", dispatch });
  return new AgentError("refused", `the dispatch is for ${dispatch.hostname}, this is ${options.hostname}`);
}

/**
 * A server without a queue answers at once, and polling again at once would go round as fast as the network lets it.
 * Servers may answer a little early on purpose, so only less than half of the wait counts; a wait of 0 always does.
 */
function tooEarly({ elapsedMs }: Empty, waitSeconds: number): AgentError | undefined {
  const waitMs = servedWaitMs(waitSeconds);
  if (waitMs > 0 && elapsedMs >= waitMs / 2) return undefined;
  return new AgentError("early-empty", `an empty answer after ${elapsedMs} ms, asked for were ${waitMs} ms`);
}
