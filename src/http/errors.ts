import { Code, ConnectError } from "@connectrpc/connect";
import { DispatchError, type ErrorReason, errorTable } from "../dispatch/errors.js";

/**
 * The status on plain HTTP: Connect's for the code, except where the contract of the agents' path, or HTTP itself, names
 * another.
 */
export const httpStatus = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  no_such_path: 404,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  body_too_large: 413,
  unsupported_protocol: 426,
  superfluous_poll: 429,
  unknown_dispatch: 404,
  attempt_over: 400,
  too_late: 400,
  not_revoked: 404,
  no_queue: 400,
  draining: 503,
  store_unavailable: 503,
  gone: 499,
  internal: 500,
} as const satisfies Record<ErrorReason, number>;

const connectCode = {
  invalid_argument: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  unimplemented: Code.Unimplemented,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  unavailable: Code.Unavailable,
  canceled: Code.Canceled,
  internal: Code.Internal,
} as const satisfies Record<(typeof errorTable)[ErrorReason]["code"], Code>;

/** The body of an error on plain HTTP. */
export function errorBody(error: DispatchError): string {
  return JSON.stringify({ code: errorTable[error.reason].code, message: error.message });
}

/** The headers that go with an error, on every wire. */
export function errorHeaders(error: DispatchError): Record<string, string> {
  return {
    ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) }),
    ...(error.allow === undefined ? {} : { allow: error.allow.join(", ") }),
  };
}

/** For the RPC wires. What Connect itself found wrong (a bad encoding, say) stays what it is. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = DispatchError.from(thrown);
  return new ConnectError(error.message, connectCode[errorTable[error.reason].code], errorHeaders(error));
}
