/**
 * Everything that can go wrong for a caller, as one closed table. Each edge (plain HTTP, the RPC wires, the command
 * line) maps it once; `docs/errors.md` lists it and a test holds the two together.
 *
 * `code` is the code of the Connect protocol that callers see in `{"code": …}`.
 */
export const errorTable = {
  invalid_argument: { code: "invalid_argument", meaning: "A field breaks a rule; the message names both." },
  unauthenticated: { code: "unauthenticated", meaning: "No client certificate, or one that does not hold (any more)." },
  permission_denied: { code: "permission_denied", meaning: "The certificate holds, but does not allow this call." },
  no_such_path: { code: "not_found", meaning: "No call is served at this path." },
  method_not_allowed: {
    code: "unimplemented",
    meaning: "The path exists, but not with this HTTP method; see `Allow`.",
  },
  unsupported_media_type: { code: "invalid_argument", meaning: "The request body is not `application/json`." },
  body_too_large: { code: "resource_exhausted", meaning: "The request body is larger than the server takes." },
  unsupported_protocol: {
    code: "failed_precondition",
    meaning: "`X-Nixfleet-Protocol` names a major version other than 1.",
  },
  superfluous_poll: {
    code: "resource_exhausted",
    meaning: "Newer polls of the same host took this one's place; wait for `Retry-After`.",
  },
  unknown_dispatch: { code: "not_found", meaning: "Nothing is known of this host and rollout (any more)." },
  attempt_over: {
    code: "failed_precondition",
    meaning: "The attempt is over: its lease ran out, or a newer enqueue, an operator or an answer came first.",
  },
  too_late: { code: "failed_precondition", meaning: "The dispatch has been handed out for good, or is over." },
  not_revoked: { code: "not_found", meaning: "No revocation of this host was made by a call." },
  no_queue: { code: "failed_precondition", meaning: "The server runs without a queue (`--db none`)." },
  draining: { code: "unavailable", meaning: "The server is shutting down; wait for `Retry-After`, then ask again." },
  store_unavailable: { code: "unavailable", meaning: "The store cannot be written just now; nothing was changed." },
  gone: { code: "canceled", meaning: "The caller went away before the answer was ready; nothing was handed out." },
  internal: { code: "internal", meaning: "The server failed; the cause is in its log under the request id." },
} as const satisfies Record<string, { code: string; meaning: string }>;

export type ErrorReason = keyof typeof errorTable;

export interface DispatchErrorOptions {
  /** When it makes sense to ask again, in whole seconds from now. */
  readonly retryAfterSeconds?: number;
  /** For `method_not_allowed`: what would be allowed. */
  readonly allow?: readonly string[];
  /** What lies behind it. Goes to the log, never to the caller. */
  readonly cause?: unknown;
}

/** An error that a caller may see as it is. Anything else that is thrown reaches a caller as `internal`. */
export class DispatchError extends Error {
  override readonly name = "DispatchError";
  readonly reason: ErrorReason;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(reason: ErrorReason, message: string, options: DispatchErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
  }

  /** An unknown throw as `internal`, which tells the caller nothing; an error of this table as it is. */
  static from(thrown: unknown): DispatchError {
    return thrown instanceof DispatchError
      ? thrown
      : new DispatchError("internal", "internal error", { cause: thrown });
  }
}

/** `invalid_argument` with the path of the field and the rule it breaks: `soak_due_at: must be …`. */
export function invalid(field: string, rule: string, cause?: unknown): DispatchError {
  return new DispatchError("invalid_argument", `${field}: ${rule}`, { cause });
}
