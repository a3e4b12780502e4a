import type { DescMethod, DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { DispatchError } from "../dispatch/errors.js";
import type { Wire } from "../dispatch/origin.js";
import type { Call } from "./call.js";
import { DeadlineCall } from "./deadline-call.js";
import { toConnectError } from "./errors.js";
import type { NodeExchange } from "./exchange.js";
import { withReadableMessage } from "./grpc-message.js";
import type { NodeRequest } from "./node.js";
import type { BoundService } from "./service.js";

/** A request that has been let in. */
export interface Visitor {
  readonly call: Call;
  /** The request could be read, and has come to its service. Never called if Connect itself refuses it. */
  readonly onReached: () => void;
  readonly onError: (error: unknown) => void;
}

const visitorKey = createContextKey<Visitor | undefined>(undefined);

/** Connect, gRPC and gRPC-Web for these services: path of each RPC to what serves it. */
export function rpcHandlers(
  services: readonly BoundService[],
  options: { readonly maxBodyBytes: number },
): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    readMaxBytes: options.maxBodyBytes,
    acceptCompression: [compressionGzip, compressionBrotli],
  });
  for (const service of services) addService(router, service);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function addService(router: ConnectRouter, bound: BoundService): void {
  for (const method of bound.service.methods) {
    if (isUnary(method)) addUnary(router, bound, method);
    else if (isServerStreaming(method)) addServerStreaming(router, bound, method);
    else throw new Error(`${method}: clients do not stream here`);
  }
}

function addUnary(router: ConnectRouter, bound: BoundService, method: DescMethodUnary): void {
  router.rpc(method, async (request, context) => {
    const visitor = visitorOf(context);
    try {
      return await bound.invoke(method, request, withDeadline(visitor.call, context));
    } catch (error) {
      throw told(visitor, error, context);
    }
  });
}

function addServerStreaming(router: ConnectRouter, bound: BoundService, method: DescMethodServerStreaming): void {
  router.rpc(method, async function* (request, context) {
    const visitor = visitorOf(context);
    try {
      yield* bound.stream(method, request, withDeadline(visitor.call, context));
    } catch (error) {
      throw told(visitor, error, context);
    }
  });
}

function visitorOf({ values }: HandlerContext): Visitor {
  const visitor = values.get(visitorKey);
  if (visitor === undefined) throw new Error("a request came past the front");
  visitor.onReached();
  return visitor;
}

/** As the caller gets to see it, once the front has heard of it. */
function told(visitor: Visitor, error: unknown, context: HandlerContext): ConnectError {
  visitor.onError(error);
  return toConnectError(deadlineBehind(error, context) ?? error);
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}

/** A caller whose own deadline has passed has not gone: it may still read that this was the reason. */
function deadlineBehind(error: unknown, { signal }: HandlerContext): ConnectError | undefined {
  const reason: unknown = signal.reason;
  const isGone = error instanceof DispatchError && error.reason === "gone";
  return isGone && reason instanceof ConnectError && reason.code === Code.DeadlineExceeded ? reason : undefined;
}

/** Connect's signal aborts at the end of every call, so it counts only where the caller has set a deadline. */
function withDeadline(call: Call, context: HandlerContext): Call {
  if (context.timeoutMs() === undefined) return call;
  const signal = AbortSignal.any([call.signal, context.signal]);
  return new DeadlineCall(call, signal);
}

/** By its content type. */
export function wireOf({ headers }: NodeRequest): Wire {
  const contentType = headers["content-type"] ?? "";
  if (contentType.startsWith("application/grpc-web")) return "grpc-web";
  return contentType.startsWith("application/grpc") ? "grpc" : "connect";
}

/** @throws DispatchError `method_not_allowed` or `unsupported_media_type` */
export function assertRpcRequest(
  { allowedMethods, supportedContentType }: UniversalHandler,
  request: NodeRequest,
): void {
  const { method = "", headers } = request;
  if (!allowedMethods.includes(method)) {
    const allow = allowedMethods.join(", ");
    throw new DispatchError("method_not_allowed", `only ${allow} is served here`, { allow: allowedMethods });
  }
  if (supportedContentType(headers["content-type"] ?? "")) return;
  throw new DispatchError("unsupported_media_type", "the request body must be of a type of Connect, gRPC or gRPC-Web");
}

/** Serves a request that has been let in. Nothing is thrown: the caller has heard of all that went wrong, or has gone. */
export async function serveRpc(handler: UniversalHandler, exchange: NodeExchange, visitor: Visitor): Promise<void> {
  const { request, response } = exchange;
  const contextValues = createContextValues().set(visitorKey, visitor);
  response.setHeader("x-request-id", exchange.requestId);
  try {
    const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, contextValues));
    await universalResponseToNodeResponse(withReadableMessage(answer), response);
  } catch (error) {
    // What is left is a connection that broke under the answer.
    const code = ConnectError.from(error).code;
    if (code !== Code.Aborted && code !== Code.Canceled) visitor.onError(DispatchError.from(error));
    response.destroy();
  }
}

/** Serves a request that anybody may make, and that nobody waits for. */
export async function serveProbe(handler: UniversalHandler, { request, response }: NodeExchange): Promise<void> {
  try {
    const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, undefined));
    await universalResponseToNodeResponse(answer, response);
  } catch {
    // A connection that broke under the answer.
    response.destroy();
  }
}
