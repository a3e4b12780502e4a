/**
 * Why a poll brought no dispatch that may be acted on:
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
 */
export type AgentErrorKind =
  | "denied"
  | "server"
  | "network"
  | "deadline"
  | "malformed"
  | "credentials"
  | "refused"
  | "early-empty";

export interface AgentErrorDetails {
  /** The server's code, by the names of the Connect protocol, for example `permission_denied`. */
  readonly code?: string | undefined;
  /** The HTTP status. Known on the plain path only. */
  readonly status?: number | undefined;
  /** What `Retry-After` asks for, in milliseconds from the answer. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a poll failed with. The message is the server's if it sent one. */
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

export function notADispatch(cause: unknown): AgentError {
  return new AgentError("malformed", `not a dispatch: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
