import { DispatchError } from "../dispatch/errors.js";
import { DirectResponse } from "./direct/response.js";
import { errorBody, errorHeaders, httpStatus } from "./errors.js";
import type { Exchange } from "./exchange.js";

/** An answer on plain HTTP. A 204 with a body does not compile. */
export type Answer =
  | { readonly status: 204 }
  | { readonly status: 200 | 503; readonly body: string; readonly contentType: "application/json" | "text/plain" };

export function writeAnswer({ response, requestId }: Exchange, answer: Answer): void {
  if (answer.status === 204) {
    const headers = { "cache-control": "no-store", "x-request-id": requestId };
    if (response instanceof DirectResponse) response.send({ status: 204, headers, body: "", encoding: "latin1" });
    else response.writeHead(204, headers).end();
    return;
  }
  const { status, body, contentType } = answer;
  const bytes = Buffer.byteLength(body);
  const headers = {
    "cache-control": "no-store",
    "x-request-id": requestId,
    "content-type": contentType,
    "content-length": bytes,
  };
  write(response, { status, headers, body, bytes });
}

/** Unknown throws become "internal" and tell the caller nothing. */
export function writeError({ response, requestId }: Exchange, thrown: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const error = DispatchError.from(thrown);
  // An agent that comes back after a drain shall come back to another server, not to a connection that is about to end.
  if (error.reason === "draining" && !("stream" in response)) response.shouldKeepAlive = false;
  const body = errorBody(error);
  const bytes = Buffer.byteLength(body);
  const headers = {
    "cache-control": "no-store",
    "x-request-id": requestId,
    "content-type": "application/json",
    ...errorHeaders(error),
    "content-length": bytes,
  };
  write(response, { status: httpStatus[error.reason], headers, body, bytes });
}

interface Written {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  /** As long as the body is in UTF-8. */
  readonly bytes: number;
}

function write(response: Exchange["response"], { status, headers, body, bytes }: Written): void {
  // One byte for each character: ASCII, which Node copies as it is.
  const encoding = bytes === body.length ? "latin1" : "utf8";
  if (response instanceof DirectResponse) response.send({ status, headers, body, encoding });
  else response.writeHead(status, headers).end(body, encoding);
}
