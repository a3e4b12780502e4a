import { retryDelayMs } from "./back-off.js";
import { pause, withDeadline } from "./clock.js";
import type { Connect, Connection } from "./connection.js";
import { readCredentials } from "./credentials.js";
import type { Dispatch } from "./dispatch.js";
import { AgentError } from "./errors.js";
import { type LoopOptions, servedWaitMs } from "./options.js";

/**
 * ```
 *           ┌──── dispatch: yield ◀────┐
 *           ▼                          │
 *   (connect if needed) ─────▶ one poll, with a deadline ── empty in due time ──▶ poll again at once
 *           ▲                          │
 *           └── wait with jitter ◀─────┘ failed (drop the connection), refused, empty too early
 * ```
 * Ends when `stop` aborts.
 */
export async function* pollLoop(options: LoopOptions, connect: Connect, stop: AbortSignal): AsyncGenerator<Dispatch> {
  const line = new Line(options, connect);
  let failures = 0;
  try {
    while (!stop.aborted) {
      const polled = await line.poll(stop);
      if (stop.aborted && !("dispatch" in polled)) return;
      const outcome = judge(polled, options);
      if (!(outcome instanceof AgentError)) {
        failures = 0;
        if (outcome !== "empty") yield outcome;
        continue;
      }
      if (options.failFast && outcome.isFinal) throw outcome;
      const delayMs = retryDelayMs(options.retry, failures, options.random, outcome.retryAfterMs);
      failures += 1;
      options.onEvent({ type: "retrying", cause: outcome, delayMs, failures });
      await pause(options.clock, delayMs, stop);
    }
  } finally {
    line.drop();
  }
}

interface Empty {
  readonly elapsedMs: number;
}

type Polled = { readonly dispatch: Dispatch } | Empty | AgentError;

/** What a poll brought, after the rules that hold for both wires. */
function judge(polled: Polled, options: LoopOptions): Dispatch | "empty" | AgentError {
  if (polled instanceof AgentError) return polled;
  if ("elapsedMs" in polled) {
    options.onEvent({ type: "polled-empty", elapsedMs: polled.elapsedMs });
    return tooEarly(polled, options.waitSeconds) ?? "empty";
  }
  const { dispatch } = polled;
  if (dispatch.hostname === options.hostname) return dispatch;
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

/** The connection to the server, which is opened when it is needed and dropped when a poll failed. */
class Line {
  readonly #options: LoopOptions;
  readonly #connect: Connect;
  #connection: Connection | undefined;

  constructor(options: LoopOptions, connect: Connect) {
    this.#options = options;
    this.#connect = connect;
  }

  async poll(stop: AbortSignal): Promise<Polled> {
    const { clock, timeoutMs } = this.#options;
    const startedAtMs = clock.now();
    const late = () => new AgentError("deadline", `no answer within ${timeoutMs} ms`);
    try {
      const dispatch = await withDeadline({ clock, ms: timeoutMs, signal: stop, late }, async (signal) => {
        this.#connection ??= await this.#open(signal);
        return await this.#connection.take(signal);
      });
      return dispatch === undefined ? { elapsedMs: clock.now() - startedAtMs } : { dispatch };
    } catch (thrown) {
      // Also after an error that the server answered with: the next attempt shall use the files as they are then, and
      // may reach another server behind the same name.
      this.drop();
      return thrown instanceof AgentError ? thrown : new AgentError("network", String(thrown), { cause: thrown });
    }
  }

  drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    const { credentials, server, waitSeconds, hostname, clock } = this.#options;
    const pems = await readCredentials(credentials);
    signal.throwIfAborted();
    try {
      return this.#connect(pems, { server, waitSeconds, hostname, now: () => clock.now() });
    } catch (cause) {
      throw new AgentError("credentials", cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }
}
