import type { RetryOptions } from "./back-off.js";
import { type Clock, systemClock } from "./clock.js";
import type { CredentialSources } from "./credentials.js";
import type { AgentEvent } from "./events.js";
import { assertLeaseSeconds } from "./lease.js";

/** The longest that a server lets a poll wait, however much is asked for. */
const maxWaitSeconds = 60;

/** The longest that a timer of Node.js can run: more would end at once. */
const maxTimerMs = 2 ** 31 - 1;

/** What holds for every agent. */
export interface CommonOptions extends CredentialSources {
  /** `https://host:port`, with a path in front of the API if a proxy wants one. */
  readonly server: string | URL;

  /**
   * The agent's own machine id. It goes along with each poll, so that a server which takes the certificate for another
   * host's says so (`permission_denied`) instead of handing out what would then be refused here. A dispatch for another
   * host is never yielded: it is reported as `refused`.
   */
  readonly hostname: string;

  /** How long the server shall wait for a dispatch, in whole seconds; servers take more than 60 for 60. Default: 60. */
  readonly waitSeconds?: number;

  /**
   * How long one poll may take from connecting to the last byte of the answer, in milliseconds. Default: 65,000. Calls
   * about a dispatch have a quarter of its lease, from 1 to 10 s.
   */
  readonly timeoutMs?: number;

  /**
   * Ends the iteration. A dispatch that has arrived completely before is still yielded, and the server can still be told
   * of those that were taken.
   */
  readonly signal?: AbortSignal | undefined;

  readonly retry?: RetryOptions;

  /**
   * Throw the `AgentError` when the server refuses this agent as it is (`denied`) or its credentials cannot be used
   * (`credentials`), from a poll as from a call about a dispatch. Default: false, as certificates get replaced while an
   * agent runs; it tries again like after any other error.
   */
  readonly failFast?: boolean;

  /** Told what happens besides dispatches. Called synchronously; what it throws ends the iteration, or the call. */
  readonly onEvent?: (event: AgentEvent) => void;

  /** Default: the system's. */
  readonly clock?: Clock;

  /** From 0 to below 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** For an agent that takes each dispatch for good: it counts as delivered once it is handed out. */
export interface AgentOptions extends CommonOptions {
  readonly leaseSeconds?: undefined;
}

/** For an agent that says what became of each dispatch; see `LeasedDispatch`. */
export interface LeasedAgentOptions extends CommonOptions {
  /**
   * Take each dispatch under a lease of so many seconds, 1 to 3,600: unless it is acknowledged or rejected within that
   * time, or the lease is extended, the server hands it out again.
   */
  readonly leaseSeconds: number;
}

export interface LoopOptions {
  readonly server: URL;
  readonly credentials: CredentialSources;
  readonly hostname: string;
  readonly waitSeconds: number;
  readonly timeoutMs: number;
  readonly leaseSeconds: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly retry: Required<RetryOptions>;
  readonly failFast: boolean;
  readonly onEvent: (event: AgentEvent) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

/** @throws TypeError or RangeError naming the option */
export function parseOptions(options: AgentOptions | LeasedAgentOptions): LoopOptions {
  const { waitSeconds = 60, timeoutMs = 65_000, leaseSeconds, retry = {} } = options;
  if (options.hostname === "") throw new TypeError("hostname: is empty");
  if (!Number.isSafeInteger(waitSeconds) || waitSeconds < 0) {
    throw new RangeError("waitSeconds: must be a whole number from 0");
  }
  // A poll that is cut before the server answers it can take a dispatch along.
  if (!(timeoutMs > servedWaitMs(waitSeconds) && timeoutMs <= maxTimerMs)) {
    throw new RangeError(`timeoutMs: must be more than the wait of ${servedWaitMs(waitSeconds)} ms`);
  }
  if (leaseSeconds !== undefined) assertLeaseSeconds(leaseSeconds, "leaseSeconds");
  return {
    server: parseServer(options.server),
    credentials: { ca: options.ca, cert: options.cert, key: options.key },
    hostname: options.hostname,
    waitSeconds,
    timeoutMs,
    leaseSeconds,
    signal: options.signal,
    retry: { baseMs: retry.baseMs ?? 1_000, capMs: retry.capMs ?? 30_000 },
    failFast: options.failFast ?? false,
    onEvent: options.onEvent ?? (() => {}),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

/** How long a server really waits if asked for so many seconds, in milliseconds. */
export function servedWaitMs(waitSeconds: number): number {
  return Math.min(waitSeconds, maxWaitSeconds) * 1_000;
}

function parseServer(server: string | URL): URL {
  const url = new URL(server);
  if (url.protocol !== "https:") throw new TypeError(`server: must be an https URL, not ${url.protocol}//`);
  return url;
}
