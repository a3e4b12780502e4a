import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import { create, type DescMessage, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import {
  AckDispatchRequestSchema,
  ExtendLeaseRequestSchema,
  RejectDispatchRequestSchema,
} from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { Connect, ConnectionOptions } from "./connection.js";
import { leaseFromJson, type Taken, takenFromJson } from "./dispatch.js";
import { notADispatch, notALease } from "./errors.js";
import type { Lease } from "./lease.js";
import { plainCall } from "./plain-call.js";
import { ackPath, extendPath, rejectPath, takePath } from "./plain-paths.js";

/** Over plain JSON: one GET on HTTP/1.1, as the agents in the field do it, and POSTs for what is said of a dispatch. */
export const plainConnect: Connect = (credentials, options) => {
  // Here already, because an error while connecting could not be told from one of the network.
  createSecureContext(credentials);
  // As many sockets as calls are under way: two while a poll is parked, else one.
  const agent = new Agent({ ...credentials, keepAlive: true });
  const { now, leaseSeconds } = options;
  const pollUrl = takeUrl(options);
  const post = (path: string, json: string, signal: AbortSignal) =>
    plainCall({ url: urlOf(options.server, path), agent, signal, now, json });
  return {
    close: () => agent.destroy(),
    take: async (signal) => parseTaken(await plainCall({ url: pollUrl, agent, signal, now }), leaseSeconds),
    async acknowledge(attempt, signal) {
      await post(ackPath, jsonOf(AckDispatchRequestSchema, attempt), signal);
    },
    async reject(attempt, reason, signal) {
      await post(rejectPath, jsonOf(RejectDispatchRequestSchema, { ...attempt, reason }), signal);
    },
    extend: async (attempt, leaseSeconds, signal) =>
      parseLease(await post(extendPath, jsonOf(ExtendLeaseRequestSchema, { ...attempt, leaseSeconds }), signal)),
  };
};

function urlOf(server: URL, path: string): URL {
  const url = new URL(server);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  url.search = "";
  return url;
}

function takeUrl({ server, waitSeconds, hostname, leaseSeconds }: ConnectionOptions): URL {
  const url = urlOf(server, takePath);
  const lease = leaseSeconds === undefined ? {} : { lease_seconds: String(leaseSeconds) };
  url.search = new URLSearchParams({ wait: String(waitSeconds), hostname, ...lease }).toString();
  return url;
}

function jsonOf<Desc extends DescMessage>(schema: Desc, message: MessageInitShape<Desc>): string {
  return toJsonString(schema, create(schema, message), { useProtoFieldName: true });
}

function parseTaken(body: string, leaseSeconds: number | undefined): Taken | undefined {
  if (body.trim() === "") return undefined;
  try {
    const json: unknown = JSON.parse(body);
    return json === null ? undefined : takenFromJson(json, leaseSeconds !== undefined);
  } catch (cause) {
    throw notADispatch(cause);
  }
}

function parseLease(body: string): Lease {
  try {
    return leaseFromJson(JSON.parse(body));
  } catch (cause) {
    throw notALease(cause);
  }
}
