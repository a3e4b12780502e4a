import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { DispatchError } from "../dispatch/errors.js";
import type { Wire } from "../dispatch/origin.js";
import { writeError } from "./answer.js";
import { errorHeaders, toConnectError } from "./errors.js";
import type { NodeExchange } from "./exchange.js";
import { respellMessage } from "./grpc-message.js";

/**
 * Says on the caller's own wire why a call is refused, before anything of its body is read. Connect's errors look as
 * plain HTTP's do; gRPC's are a status of 200 with the trailers in place of the headers ("Trailers-Only").
 */
export function refuseRpc(wire: Wire, exchange: NodeExchange, thrown: unknown): void {
  const error = DispatchError.from(thrown);
  if (wire === "connect" || isOfHttp(error)) writeError(exchange, error);
  else writeTrailersOnly(exchange, error);
}

function writeTrailersOnly(exchange: NodeExchange, error: DispatchError): void {
  const { request, response, requestId } = exchange;
  const status = new Headers();
  setTrailerStatus(status, toConnectError(error));
  respellMessage(status);
  const headers = {
    ...Object.fromEntries(status),
    ...errorHeaders(error),
    "content-type": request.headers["content-type"] ?? "application/grpc",
    "x-request-id": requestId,
  };
  // gRPC wants its trailers in the one frame that also ends the stream.
  if ("stream" in response) response.stream.respond({ ":status": 200, ...headers }, { endStream: true });
  else response.writeHead(200, headers).end();
}

/** Whoever uses another method or media type speaks none of the wires. */
function isOfHttp({ reason }: DispatchError): boolean {
  return reason === "method_not_allowed" || reason === "unsupported_media_type";
}
