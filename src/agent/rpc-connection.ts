import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AgentService } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { Dispatch as DispatchMessage, Lease as LeaseMessage } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { parseRetryAfter } from "./back-off.js";
import {
  type Connect,
  type Connection,
  type ConnectionOptions,
  maxAnswerBytes,
  protocolHeaders,
} from "./connection.js";
import type { Credentials } from "./credentials.js";
import { leaseFromJson, type Taken, takenFromJson } from "./dispatch.js";
import { AgentError, answeredAboutAttempt, answeredError, notADispatch, notALease } from "./errors.js";
import type { Lease } from "./lease.js";
import { SessionManager } from "./session-manager.js";

export type HttpVersion = "1.1" | "2";

/** A dead HTTP/2 connection is noticed after this and the 15 s that the answer to a PING may take. */
const pingIntervalMs = 30_000;

/** Over the generated client: the Connect protocol with binary messages. */
export function rpcConnect(httpVersion: HttpVersion): Connect {
  return (credentials, options) => {
    // Here already, because an error while connecting could not be told from one of the network.
    createSecureContext(credentials);
    const { transport, close } = openTransport(httpVersion, credentials, options.server);
    return { close, ...calls(createClient(AgentService, transport), options) };
  };
}

function calls(client: Client<typeof AgentService>, options: ConnectionOptions): Omit<Connection, "close"> {
  const headers = protocolHeaders;
  const { waitSeconds, hostname, leaseSeconds } = options;
  const request = { wait: BigInt(waitSeconds), hostname, ...(leaseSeconds === undefined ? {} : { leaseSeconds }) };
  const about = async <T>(answer: Promise<T>) => {
    return await answer.catch((thrown: unknown) => Promise.reject(toAgentError(thrown, options, answeredAboutAttempt)));
  };
  return {
    async take(signal) {
      const { dispatch } = await client
        .takeDispatch(request, { signal, headers })
        .catch((thrown: unknown) => Promise.reject(toAgentError(thrown, options, answeredError)));
      return dispatch === undefined ? undefined : takenFromMessage(dispatch, leaseSeconds !== undefined);
    },
    async acknowledge(attempt, signal) {
      await about(client.ackDispatch(attempt, { signal, headers }));
    },
    async reject(attempt, reason, signal) {
      await about(client.rejectDispatch({ ...attempt, reason }, { signal, headers }));
    },
    async extend(attempt, leaseSeconds, signal) {
      const { lease } = await about(client.extendLease({ ...attempt, leaseSeconds }, { signal, headers }));
      return leaseFromMessage(lease);
    },
  };
}

function openTransport(
  httpVersion: HttpVersion,
  credentials: Credentials,
  server: URL,
): { transport: Transport; close: () => void } {
  const common = { baseUrl: server.href.replace(/\/+$/, ""), readMaxBytes: maxAnswerBytes, acceptCompression: [] };
  if (httpVersion === "2") {
    const sessionManager = new SessionManager(common.baseUrl, { pingIntervalMs }, credentials);
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

function takenFromMessage(message: DispatchMessage, isLeased: boolean): Taken {
  const json = {
    hostname: message.hostname,
    rollout_id: message.rolloutId,
    target_closure: message.targetClosure,
    soak_due_at: instantText(message.soakDueAt),
    enqueued_at: instantText(message.enqueuedAt),
    lease: leaseJson(message.lease),
  };
  try {
    return takenFromJson(json, isLeased);
  } catch (cause) {
    throw notADispatch(cause);
  }
}

function leaseFromMessage(lease: LeaseMessage | undefined): Lease {
  try {
    return leaseFromJson({ lease: leaseJson(lease) });
  } catch (cause) {
    throw notALease(cause);
  }
}

/** As it would be on plain HTTP, so that what is strict there is strict here. */
function leaseJson(lease: LeaseMessage | undefined) {
  if (lease === undefined) return undefined;
  return { token: lease.token, expires_at: instantText(lease.expiresAt), attempt: lease.attempt };
}

function instantText(timestamp: Timestamp | undefined): string | undefined {
  return timestamp === undefined ? undefined : toJson(TimestampSchema, timestamp);
}

function toAgentError(thrown: unknown, { now }: ConnectionOptions, answered: typeof answeredError): AgentError {
  const error = ConnectError.from(thrown);
  // connect-es fills the metadata with the answer's header fields; what failed on this side has none.
  const isAnswer = !error.metadata.keys().next().done;
  if (isAnswer) {
    return answered(codeName(error.code), error.rawMessage, {
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
