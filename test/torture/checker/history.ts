/**
 * What the clients saw, and what the server said in the end. All times are milliseconds of the one monotonic clock of the
 * process that drives the clients: the server's clocks have no part in the checks.
 */
export interface History {
  /** What the server promised about takes without a lease. */
  readonly delivery: { readonly kind: "once" } | { readonly kind: "confirmed"; readonly withinMs: number };
  readonly entries: readonly Entry[];
  readonly ending: Ending;
}

export type Entry = Enqueue | Take | Word | Cancel | Down | Stall;

/** From before the call was sent to after its answer was read: what it did, it did in between. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Pair {
  readonly hostname: string;
  readonly rolloutId: string;
}

/** `refused`: the server answered with an error, so nothing has changed. `unknown`: no answer; it may have. */
export type Failure = "refused" | "unknown";

/** One dispatch of a planner's call. */
export interface Enqueue extends Span, Pair {
  readonly kind: "enqueue";
  /** A planner has one closure for each decision, so this says which decision a dispatch is. It may say one twice. */
  readonly closure: string;
  readonly supersede: boolean;
  readonly maxAttempts: number;
  readonly result: "created" | "replaced" | "kept" | Failure;
}

/** One poll. */
export interface Take extends Span {
  readonly kind: "take";
  /** Whose certificate it came with. */
  readonly hostname: string;
  /** Which of the servers it went to. */
  readonly server: string;
  /** Whether its connection had brought an answer before: else there is a handshake first, which may take its time. */
  readonly isConnected: boolean;
  /** `undefined`: without a lease. */
  readonly leaseMs: number | undefined;
  readonly result: Received | "empty" | Failure;
}

/** A dispatch as it arrived. */
export interface Received extends Pair {
  readonly closure: string;
  /** `undefined` for one without a lease. */
  readonly attempt: number | undefined;
}

/** What an agent said of a dispatch that it had received. */
export interface Word extends Span, Pair {
  readonly kind: "acknowledge" | "reject" | "extend";
  readonly closure: string;
  readonly attempt: number | undefined;
  /** Of an extension: from when the server has heard of it. */
  readonly leaseMs?: number;
  /** `over`: the server said that it does not count any more. */
  readonly result: "ok" | "over" | Failure;
}

/** What an operator tried to take back. */
export interface Cancel extends Span, Pair {
  readonly kind: "cancel";
  /** `absent`: the server knew nothing to cancel. */
  readonly result: "cancelled" | "too_late" | "absent" | Failure;
}

/** A server that was killed: from before that until it listened again. */
export interface Down extends Span {
  readonly kind: "down";
  readonly server: string;
}

/** The machine did not let the drivers run, so nothing can be demanded of a server meanwhile. */
export interface Stall extends Span {
  readonly kind: "stall";
}

/** What the server said when all was quiet. */
export interface Ending {
  readonly rows: readonly Row[];
  /** In the order of their ids. */
  readonly events: readonly Told[];
}

export interface Row extends Pair {
  readonly closure: string;
  /** As in `dispatchStates`. */
  readonly state: string;
  readonly attempt: number;
}

export interface Told extends Pair {
  /** As in `eventKinds`. */
  readonly kind: string;
  readonly attempt: number;
}
