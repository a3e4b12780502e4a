import { ServerResponse } from "node:http";
import { DispatchError } from "../dispatch/errors.js";
import { errorBody, errorHeaders, httpStatus } from "./errors.js";
import type { Exchange } from "./exchange.js";

/** An answer on plain HTTP. A 204 with a body does not compile. */
export type Answer =
  | { readonly status: 204 }
  | { readonly status: 200 | 503; readonly body: string; readonly contentType: "application/json" | "text/plain" };

export function writeAnswer({ response, requestId }: Exchange, answer: Answer): void {
  const common = { "cache-control": "no-store", "x-request-id": requestId };
  if (answer.status === 204) {
    response.writeHead(204, common);
    response.end();
    return;
  }
  write(response, answer.status, { ...common, "content-type": answer.contentType }, answer.body);
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
  write(response, httpStatus[error.reason], headers, errorBody(error));
}

function write(
  response: Exchange["response"],
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const withLength = { ...headers, "content-length": Buffer.byteLength(body) };
  // The same twice, because the overloads of the two classes have no common call.
  if (response instanceof ServerResponse) response.writeHead(status, withLength).end(body);
  else response.writeHead(status, withLength).end(body);
}
