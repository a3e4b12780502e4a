import type {
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";

/** One request body: what the server takes at the most. */
const maxBodyBytes = 16 * 1024 * 1024;

/** What of an answer's headers means something to the page; the others are about the server's own connection. */
const passedHeaders = ["retry-after", "x-request-id"] as const;

/**
 * Connect for these services, each call made again over `transport`: path of each RPC to what serves it. The relay knows no
 * call by name. Deadlines, cancellation, errors with their details, and the pace of the reader go through.
 */
export function relayHandlers(
  services: readonly DescService[],
  transport: Transport,
): ReadonlyMap<string, UniversalHandler> {
  // Browsers are on the same machine: to compress would be work for nothing.
  const router = createConnectRouter({
    grpc: false,
    grpcWeb: false,
    readMaxBytes: maxBodyBytes,
    acceptCompression: [],
  });
  for (const method of services.flatMap((service) => service.methods)) addMethod(router, method, transport);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function addMethod(router: ConnectRouter, method: DescMethod, transport: Transport): void {
  if (isUnary(method)) addUnary(router, method, transport);
  else if (isServerStreaming(method)) addServerStreaming(router, method, transport);
  else throw new Error(`${method}: clients do not stream here`);
}

function addUnary(router: ConnectRouter, method: DescMethodUnary, transport: Transport): void {
  router.rpc(method, async (request, context) => {
    try {
      const answer = await transport.unary(method, context.signal, context.timeoutMs(), undefined, request);
      passHeaders(answer.header, context);
      return answer.message;
    } catch (thrown) {
      throw passedError(thrown);
    }
  });
}

function addServerStreaming(router: ConnectRouter, method: DescMethodServerStreaming, transport: Transport): void {
  router.rpc(method, async function* (request, context) {
    try {
      // A stream lasts, unless the page says otherwise: 0 is no deadline.
      const timeoutMs = context.timeoutMs() ?? 0;
      const answer = await transport.stream(method, context.signal, timeoutMs, undefined, only(request));
      passHeaders(answer.header, context);
      yield* answer.message;
    } catch (thrown) {
      throw passedError(thrown);
    }
  });
}

async function* only(request: MessageInitShape<DescMethod["input"]>) {
  yield request;
}

function passHeaders(from: Headers, { responseHeader }: HandlerContext): void {
  for (const name of passedHeaders) {
    const value = from.get(name);
    if (value !== null) responseHeader.set(name, value);
  }
}

/** The server's error as it is; `unavailable` if the server, or the way to it, was not there to answer. */
function passedError(thrown: unknown): ConnectError {
  const error = ConnectError.from(thrown);
  if (isOfTheWay(error)) return new ConnectError(`the server cannot be reached: ${wayOf(error)}`, Code.Unavailable);
  const metadata = new Headers();
  for (const name of passedHeaders) {
    const value = error.metadata.get(name);
    if (value !== null) metadata.set(name, value);
  }
  const passed = new ConnectError(error.rawMessage, error.code, metadata);
  passed.details = error.details;
  return passed;
}

/** Errors that the server sent have no cause here; those of sockets and TLS have one with a `code`. */
function isOfTheWay({ cause, code }: ConnectError): boolean {
  if (code === Code.Canceled || code === Code.DeadlineExceeded) return false;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}

function wayOf({ cause, rawMessage }: ConnectError): string {
  // Several addresses of one name were tried, and Node.js leaves the message of the whole empty.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error && first.message !== "" ? first.message : rawMessage;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}
