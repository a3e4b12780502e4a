import type { Wire } from "../dispatch/origin.js";
import type { KnownIdentity } from "../identity/identity.js";
import type { Ending, Exchange, ExchangeWatcher } from "./exchange.js";

/** Hears of the end of every visit. */
export interface VisitWatcher {
  visitEnded(visit: Visit, exchange: Exchange, ending: Ending): void;
}

/** What becomes known of a request on its way. There is one for each parked poll, so it holds no more than it must. */
export class Visit implements ExchangeWatcher {
  wire: Wire = "http";
  /** `ok`, `empty`, `health`, or the reason of an error. */
  outcome = "ok";
  identity: KnownIdentity | undefined = undefined;
  /** Whether Connect has yet to make sense of its encoding. What never gets further is the caller's mistake. */
  isUnread = false;
  /** By the monotonic clock. Whole, since each fraction is an object of its own. */
  readonly startedMs: number;
  readonly #watcher: VisitWatcher;

  constructor(watcher: VisitWatcher, startedMs: number) {
    this.#watcher = watcher;
    this.startedMs = Math.round(startedMs);
  }

  exchangeEnded(exchange: Exchange, ending: Ending): void {
    // Its end comes before the error that it causes further in.
    if (ending === "lost" && this.outcome === "ok") this.outcome = "gone";
    else if (this.isUnread) this.outcome = "invalid_argument";
    this.#watcher.visitEnded(this, exchange, ending);
  }
}
