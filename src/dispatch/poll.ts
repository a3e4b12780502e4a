import type { Taken } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import type { Hostname } from "./hostname.js";
import type { TakeTerms } from "./lease.js";
import type { Taker } from "./life.js";
import type { Origin } from "./origin.js";
import type { Cancel, Clock } from "./ports.js";

export interface PollRequest {
  readonly hostname: Hostname;
  /** How long to wait for a dispatch; 0 looks once. See `waitMsFor`. */
  readonly waitMs: number;
  /** On what terms it takes a dispatch. */
  readonly terms: TakeTerms;
  readonly origin: Origin;
  /** Aborts when the answer would reach nobody. A `DispatchError` as its reason becomes the poll's own. */
  readonly signal: Leaving;
  /** Throws once the caller's identity does not hold any more; asked again before each hand-out. */
  readonly assertAllowed: () => void;
}

/**
 * As much of an `AbortSignal` as a poll needs. A fleet's worth of real ones, with their controllers and lists of
 * listeners, is a third of what its parked polls cost.
 */
export interface Leaving {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: LeaveListener): void;
  removeEventListener(type: "abort", listener: LeaveListener): void;
}

export interface LeaveListener {
  handleEvent(): void;
}

/**
 * One poll of one host, from its registration to its only end.
 *
 * ```
 *  looking ──── nothing there, and it may wait ────▶ parked
 *     │                                                │
 *     └───────────────▶ ended ◀────────────────────────┘
 *        a dispatch · nothing (wait elapsed) · an error (gone, refused, superfluous, draining, store failed)
 * ```
 *
 * It owns its timer and its listener on the signal: both are gone once it has ended.
 */
export class Poll implements LeaveListener {
  readonly hostname: Hostname;
  /** A dispatch, or `undefined` if none came within the wait. Rejects with a `DispatchError`. */
  readonly outcome: Promise<Taken | undefined>;

  readonly #request: PollRequest;
  readonly #clock: Pick<Clock, "after" | "monotonicMs">;
  readonly #startedMs: number;
  readonly #onEnd: (poll: Poll) => void;
  readonly #cancelTimer: Cancel | undefined;
  #state: "looking" | "parked" | "ended" = "looking";
  #settle!: { resolve: (taken: Taken | undefined) => void; reject: (error: DispatchError) => void };

  constructor(request: PollRequest, clock: Pick<Clock, "after" | "monotonicMs">, onEnd: (poll: Poll) => void) {
    this.hostname = request.hostname;
    this.#request = request;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#onEnd = onEnd;
    this.outcome = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#cancelTimer = request.waitMs > 0 ? clock.after(request.waitMs, () => this.giveUp()) : undefined;
    request.signal.addEventListener("abort", this);
  }

  get state(): "looking" | "parked" | "ended" {
    return this.#state;
  }

  /** How long it has been waiting, in milliseconds. */
  get ageMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }

  /** As whom, and how, it would take a dispatch now. */
  taker(): Taker {
    const { terms, origin } = this.#request;
    return { terms, origin, parkedMs: this.#state === "parked" ? Math.round(this.ageMs) : null };
  }

  /**
   * The queue was looked at for this poll and had nothing: it parks, or ends if it was not to wait.
   *
   * @returns whether it has parked just now
   */
  foundNothing(): boolean {
    if (this.#state !== "looking") return false;
    if (this.#request.waitMs > 0) this.#state = "parked";
    else this.giveUp();
    return this.state === "parked";
  }

  /** Whether it may be handed a dispatch now. If its caller has gone or is not allowed any more, this ends it. */
  mayReceive(): boolean {
    if (this.#state === "ended") return false;
    try {
      if (this.#request.signal.aborted) this.handleEvent();
      else this.#request.assertAllowed();
    } catch (error) {
      this.fail(DispatchError.from(error));
    }
    return this.state !== "ended";
  }

  /** @returns false if it had ended before, so that the dispatch is still the giver's */
  deliver(taken: Taken): boolean {
    return this.#end(() => this.#settle.resolve(taken));
  }

  giveUp(): void {
    this.#end(() => this.#settle.resolve(undefined));
  }

  fail(error: DispatchError): void {
    this.#end(() => this.#settle.reject(error));
  }

  /** Its caller has left. */
  handleEvent(): void {
    const { reason } = this.#request.signal;
    this.fail(reason instanceof DispatchError ? reason : new DispatchError("gone", "the caller went away"));
  }

  #end(settle: () => void): boolean {
    if (this.#state === "ended") return false;
    this.#state = "ended";
    this.#cancelTimer?.();
    this.#request.signal.removeEventListener("abort", this);
    this.#onEnd(this);
    settle();
    return true;
  }
}
