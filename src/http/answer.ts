import type { ServerResponse } from "node:http";
import { TLSSocket } from "node:tls";
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
  else if ("stream" in response) response.writeHead(status, headers).end(body);
  else writeWhole(response.writeHead(status, headers), body, encoding);
}

/**
 * `end(body)` makes two pieces of an answer, the second one empty. Over TLS, which is how the program listens, both go out as one
 * record. On a bare socket, which the bench has besides, Node writes two pieces by `writev`, and one alone takes a shorter way: a
 * fan-out costs 7 % less CPU there, and 8 % more over TLS, where the empty piece alone is a write too.
 *
 * @param response whose head is made and says how long the body is
 */
function writeWhole(response: ServerResponse, body: string, encoding: "latin1" | "utf8"): void {
  // Behind others on its connection it has no socket yet, and its pieces wait.
  const { socket } = response;
  if (socket instanceof TLSSocket) {
    response.end(body, encoding);
    return;
  }
  // Node would do it itself, and hold the first piece back until the second is there.
  socket?.cork();
  response.write(body, encoding);
  socket?.uncork();
  response.end();
}
