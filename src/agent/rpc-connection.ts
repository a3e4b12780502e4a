import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AgentService } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { Dispatch as DispatchMessage } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { parseRetryAfter } from "./back-off.js";
import { type Connect, type ConnectionOptions, maxAnswerBytes, protocolHeaders } from "./connection.js";
import type { Credentials } from "./credentials.js";
import { type Dispatch, dispatchFromJson } from "./dispatch.js";
import { AgentError, answeredError, notADispatch } from "./errors.js";

export type HttpVersion = "1.1" | "2";

/** A dead HTTP/2 connection is noticed after this and the 15 s that the answer to a PING may take. */
const pingIntervalMs = 30_000;

/** Over the generated client: the Connect protocol with binary messages. */
export function rpcConnect(httpVersion: HttpVersion): Connect {
  return (credentials, options) => {
    // Here already, because an error while connecting could not be told from one of the network.
    createSecureContext(credentials);
    const { transport, close } = openTransport(httpVersion, credentials, options.server);
    const client = createClient(AgentService, transport);
    return {
      close,
      async take(signal) {
        const request = { wait: BigInt(options.waitSeconds), hostname: options.hostname };
        const { dispatch } = await client
          .takeDispatch(request, { signal, headers: protocolHeaders })
          .catch((thrown: unknown) => Promise.reject(toAgentError(thrown, options)));
        return dispatch === undefined ? undefined : fromMessage(dispatch);
      },
    };
  };
}

function openTransport(
  httpVersion: HttpVersion,
  credentials: Credentials,
  server: URL,
): { transport: Transport; close: () => void } {
  const common = { baseUrl: server.href.replace(/\/+$/, ""), readMaxBytes: maxAnswerBytes, acceptCompression: [] };
  if (httpVersion === "2") {
    const sessionManager = new Http2SessionManager(common.baseUrl, { pingIntervalMs }, credentials);
    return {
      transport: createConnectTransport({ ...common, httpVersion, sessionManager }),
      close: () => sessionManager.abort(),
    };
  }
  const agent = new Agent({ ...credentials, keepAlive: true });
  return {
    transport: createConnectTransport({ ...common, httpVersion, nodeOptions: { agent } }),
    close: () => agent.destroy(),
  };
}

function fromMessage(message: DispatchMessage): Dispatch {
  try {
    return dispatchFromJson({
      hostname: message.hostname,
      rollout_id: message.rolloutId,
      target_closure: message.targetClosure,
      soak_due_at: instantText(message.soakDueAt),
      enqueued_at: instantText(message.enqueuedAt),
    });
  } catch (cause) {
    throw notADispatch(cause);
  }
}

function instantText(timestamp: Timestamp | undefined): string | undefined {
  return timestamp === undefined ? undefined : toJson(TimestampSchema, timestamp);
}

function toAgentError(thrown: unknown, { now }: ConnectionOptions): AgentError {
  const error = ConnectError.from(thrown);
  // connect-es fills the metadata with the answer's header fields; what failed on this side has none.
  const isAnswer = !error.metadata.keys().next().done;
  if (isAnswer) {
    return answeredError(codeName(error.code), error.rawMessage, {
      retryAfterMs: parseRetryAfter(error.metadata.get("retry-after"), now()),
      cause: error,
    });
  }
  // These two codes it gives to an answer that it cannot decode, and to one over its size limit.
  const isMalformed = error.code === Code.InvalidArgument || error.code === Code.ResourceExhausted;
  return new AgentError(isMalformed ? "malformed" : "network", error.rawMessage, { cause: error });
}

/** `Code.PermissionDenied` as `permission_denied`. */
function codeName(code: Code): string {
  return Code[code].replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
