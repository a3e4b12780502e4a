/**
 * Why a poll brought no dispatch that may be acted on, or why the server could not be told of one:
 *
 * - `denied`: the server refuses this agent as it is (its certificate, its host, its protocol version, the URL); the
 *   same poll will get the same answer until somebody changes something
 * - `server`: the server answered with any other error
 * - `network`: no answer, or not all of it
 * - `deadline`: no complete answer within `timeoutMs`
 * - `malformed`: an answer that is not what the protocol says, or a too large one
 * - `credentials`: a PEM could not be had or does not fit
 * - `refused`: the dispatch was for another host
 * - `early-empty`: an empty answer long before the wait was over
 * - `attempt-over`: what was said of a dispatch does not count any more, as its lease has run out or a newer enqueue, an
 *   operator or another answer came first
 * - `unknown-dispatch`: the server knows no such dispatch (any more)
 * - `lease-ended`: the lease has ended, by the agent's own clock, and nothing said so before; `cause` is what failed last
 */
export type AgentErrorKind =
  | "denied"
  | "server"
  | "network"
  | "deadline"
  | "malformed"
  | "credentials"
  | "refused"
  | "early-empty"
  | "attempt-over"
  | "unknown-dispatch"
  | "lease-ended";

export interface AgentErrorDetails {
  /** The server's code, by the names of the Connect protocol, for example `permission_denied`. */
  readonly code?: string | undefined;
  /** The HTTP status. Known on the plain path only. */
  readonly status?: number | undefined;
  /** What `Retry-After` asks for, in milliseconds from the answer. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a poll, or a call about a dispatch, failed with. The message is the server's if it sent one. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly kind: AgentErrorKind;
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: AgentErrorKind, message: string, details: AgentErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = details.code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Another poll with the same certificate and the same options cannot fare better. */
  get isFinal(): boolean {
    return this.kind === "denied" || this.kind === "credentials";
  }

  /** The server has said that the attempt does not count any more, so nothing can be said of it. */
  get isVerdict(): boolean {
    return this.kind === "attempt-over" || this.kind === "unknown-dispatch";
  }
}

const deniedCodes: ReadonlySet<string> = new Set([
  "invalid_argument",
  "unauthenticated",
  "permission_denied",
  "failed_precondition",
  "not_found",
  "unimplemented",
]);

/** An error that the server answered with; its code says whether asking again can help. */
export function answeredError(
  code: string,
  message: string,
  details: Omit<AgentErrorDetails, "code"> = {},
): AgentError {
  return new AgentError(deniedCodes.has(code) ? "denied" : "server", message, { ...details, code });
}

/** The same for a call about a dispatch, where two of the codes are about that and not about the agent. */
export function answeredAboutAttempt(
  code: string,
  message: string,
  details: Omit<AgentErrorDetails, "code"> = {},
): AgentError {
  const kind = attemptKinds.get(code);
  return kind === undefined
    ? answeredError(code, message, details)
    : new AgentError(kind, message, { ...details, code });
}

const attemptKinds: ReadonlyMap<string, AgentErrorKind> = new Map([
  ["failed_precondition", "attempt-over"],
  ["not_found", "unknown-dispatch"],
]);

/** Whatever was thrown, as one of ours. */
export function toAgentError(thrown: unknown): AgentError {
  return thrown instanceof AgentError ? thrown : new AgentError("network", String(thrown), { cause: thrown });
}

export function notALease(cause: unknown): AgentError {
  return new AgentError("malformed", `not a lease: ${cause instanceof Error ? cause.message : cause}`, { cause });
}

export function notADispatch(cause: unknown): AgentError {
  return new AgentError("malformed", `not a dispatch: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
