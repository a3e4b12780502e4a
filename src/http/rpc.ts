import type { DescMethod, DescMethodUnary } from "@bufbuild/protobuf";
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
import type { Call, Wire } from "./call.js";
import { toConnectError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import type { BoundService } from "./service.js";

/** Lets a request in, or throws why not. Asked inside the RPC, so that every wire says the refusal in its own way. */
export type Admit = (wire: Wire) => Call;

const admitKey = createContextKey<Admit>(() => {
  throw new Error("a request came past the front");
});
const onErrorKey = createContextKey<(error: unknown) => void>(() => undefined);

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
    if (!isUnary(method)) throw new Error(`${method} is not unary`);
    router.rpc(method, async (request, context) => {
      const onError = context.values.get(onErrorKey);
      try {
        const call = context.values.get(admitKey)(wireOf(context.protocolName));
        return await bound.invoke(method, request, withDeadline(call, context));
      } catch (error) {
        onError(error);
        throw toConnectError(error);
      }
    });
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

/** Connect's signal aborts at the end of every call, so it counts only where the caller has set a deadline. */
function withDeadline(call: Call, context: HandlerContext): Call {
  if (context.timeoutMs() === undefined) return call;
  return { ...call, signal: AbortSignal.any([call.signal, context.signal]) };
}

function wireOf(protocolName: string): Wire {
  return protocolName === "grpc" || protocolName === "grpc-web" ? protocolName : "connect";
}

/** From the content type alone: what a request that never reached an RPC is called in the log. */
export function wireOfContentType(contentType: string | undefined): Wire {
  if (contentType?.startsWith("application/grpc-web")) return "grpc-web";
  return contentType?.startsWith("application/grpc") ? "grpc" : "connect";
}

export async function serveRpc(
  handler: UniversalHandler,
  exchange: Exchange,
  admit: Admit,
  onError: (error: unknown) => void,
): Promise<void> {
  const { request, response } = exchange;
  const contextValues = createContextValues().set(admitKey, admit).set(onErrorKey, onError);
  response.setHeader("x-request-id", exchange.requestId);
  try {
    const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, contextValues));
    await universalResponseToNodeResponse(answer, response);
  } catch (error) {
    // The caller has heard of everything that an RPC can say; what is left is a connection that broke under the answer.
    const code = ConnectError.from(error).code;
    if (code !== Code.Aborted && code !== Code.Canceled) onError(DispatchError.from(error));
    response.destroy();
  }
}
