import type { Place } from "./deadlines.js";
import type { Taken } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import type { Hostname } from "./hostname.js";
import { Later } from "./later.js";
import type { TakeTerms } from "./lease.js";
import type { Taker } from "./life.js";
import type { Origin } from "./origin.js";

export interface PollRequest {
  readonly hostname: Hostname;
  /** How long to wait for a dispatch; 0 looks once. See `waitMsFor`. */
  readonly waitMs: number;
  /** On what terms it takes a dispatch. */
  readonly terms: TakeTerms;
  readonly caller: Caller;
}

/** Who polls. */
export interface Caller {
  readonly origin: Origin;
  /** Aborts when the answer would reach nobody. A `DispatchError` as its reason becomes the poll's own. */
  readonly leaving: Leaving;
  /** Throws once the caller's identity does not hold any more; asked again before each hand-out. */
  assertAllowed(): void;
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

/** Hears of a poll's end, before its caller does. */
export interface PollOwner {
  pollEnded(poll: Poll): void;
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
 * It owns its listener on the caller's leaving, which is gone once it has ended.
 */
export class Poll implements LeaveListener {
  readonly hostname: Hostname;
  /** A dispatch, or `undefined` if none came within the wait. Rejects with a `DispatchError`. */
  readonly outcome: PromiseLike<Taken | undefined>;
  /** Among the deadlines; theirs to set. */
  place: Place | undefined = undefined;

  readonly #request: PollRequest;
  /** By the monotonic clock. Whole, since each fraction is an object of its own. */
  readonly #startedMs: number;
  readonly #owner: PollOwner;
  #state: "looking" | "parked" | "ended" = "looking";
  readonly #later = new Later<Taken | undefined>();

  constructor(request: PollRequest, startedMs: number, owner: PollOwner) {
    this.hostname = request.hostname;
    this.#request = request;
    this.#startedMs = Math.floor(startedMs);
    this.#owner = owner;
    this.outcome = this.#later;
    request.caller.leaving.addEventListener("abort", this);
  }

  get state(): "looking" | "parked" | "ended" {
    return this.#state;
  }

  /** How long it has been waiting, in milliseconds. */
  ageMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#startedMs);
  }

  /** As whom, and how, it would take a dispatch now. */
  taker(nowMs: number): Taker {
    const { terms, caller } = this.#request;
    return { terms, origin: caller.origin, parkedMs: this.#state === "parked" ? Math.round(this.ageMs(nowMs)) : null };
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
      if (this.#request.caller.leaving.aborted) this.handleEvent();
      else this.#request.caller.assertAllowed();
    } catch (error) {
      this.fail(DispatchError.from(error));
    }
    return this.state !== "ended";
  }

  /** @returns false if it had ended before, so that the dispatch is still the giver's */
  deliver(taken: Taken): boolean {
    if (!this.#end()) return false;
    this.#later.resolve(taken);
    return true;
  }

  /** Its wait is over. */
  giveUp(): void {
    if (this.#end()) this.#later.resolve(undefined);
  }

  fail(error: DispatchError): void {
    if (this.#end()) this.#later.reject(error);
  }

  /** Its caller has left. */
  handleEvent(): void {
    const { reason } = this.#request.caller.leaving;
    this.fail(reason instanceof DispatchError ? reason : new DispatchError("gone", "the caller went away"));
  }

  /** @returns false if it had ended before */
  #end(): boolean {
    if (this.#state === "ended") return false;
    this.#state = "ended";
    this.#request.caller.leaving.removeEventListener("abort", this);
    this.#owner.pollEnded(this);
    return true;
  }
}
