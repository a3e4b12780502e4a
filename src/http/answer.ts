import { ServerResponse } from "node:http";
import { DispatchError } from "../dispatch/errors.js";
import { errorBody, errorHeaders, httpStatus } from "./errors.js";
import type { Exchange } from "./exchange.js";

/** An answer on plain HTTP. A 204 with a body does not compile. */
export type Answer =
  | { readonly status: 204 }
  | { readonly status: 200 | 503; readonly body: string; readonly contentType: "application/json" | "text/plain" };

export function writeAnswer({ response, requestId }: Exchange, answer: Answer): void {
  if (answer.status === 204) {
    response.writeHead(204, { "cache-control": "no-store", "x-request-id": requestId });
    response.end();
    return;
  }
  const headers = {
    "cache-control": "no-store",
    "x-request-id": requestId,
    "content-type": answer.contentType,
    "content-length": Buffer.byteLength(answer.body),
  };
  write(response, answer.status, headers, answer.body);
}

/** Unknown throws become "internal" and tell the caller nothing. */
export function writeError({ response, requestId }: Exchange, thrown: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const error = DispatchError.from(thrown);
  // An agent that comes back after a drain shall come back to another server, not to a connection that is about to end.
  if (error.reason === "draining" && response instanceof ServerResponse) response.shouldKeepAlive = false;
  const headers = {
    "cache-control": "no-store",
    "x-request-id": requestId,
    "content-type": "application/json",
    ...errorHeaders(error),
  };
  const body = errorBody(error);
  write(response, httpStatus[error.reason], { ...headers, "content-length": Buffer.byteLength(body) }, body);
}

function write(
  response: Exchange["response"],
  status: number,
  headers: Readonly<Record<string, string | number>>,
  body: string,
): void {
  // The same twice, because the overloads of the two classes have no common call.
  if (response instanceof ServerResponse) response.writeHead(status, headers).end(body);
  else response.writeHead(status, headers).end(body);
}
