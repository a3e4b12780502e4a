import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AgentService } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { Issued } from "../../../src/pki/issue.js";
import type { HttpClient, Reply, WireDispatch } from "./client.js";
import type { TestPki } from "./pki.js";
import type { TestServer } from "./server.js";

/** A dispatch as an agent gets it over plain HTTP. */
export interface WireTaken extends WireDispatch {
  readonly enqueued_at: string;
  readonly lease?: WireLease;
}

export interface WireLease {
  readonly token: string;
  readonly expires_at: string;
  readonly attempt: number;
}

/** What names an attempt. */
export interface Attempt {
  readonly rolloutId: string;
  readonly token: string;
  readonly attempt: number;
}

/** The four calls of an agent that works with leases, whichever wire they go over. A refusal is its code. */
export interface LeaseCalls {
  /** @param waitSeconds 0 looks once */
  take(leaseSeconds: number, waitSeconds: number): Promise<Attempt | "nothing" | string>;
  acknowledge(rolloutId: string, token: string): Promise<"ok" | string>;
  reject(rolloutId: string, token: string, reason: string): Promise<"ok" | string>;
  extend(rolloutId: string, token: string, leaseSeconds: number): Promise<Attempt | string>;
}

/** The dispatch in an answer of the poll; `undefined` for an empty one. */
export function takenIn({ status, body }: Reply): WireTaken | undefined {
  if (status !== 200 && status !== 204) throw new Error(`${status}: ${body}`);
  return status === 204 ? undefined : JSON.parse(body);
}

/** The same, where there has to be one. */
export function mustBeTaken(reply: Reply): WireTaken {
  const taken = takenIn(reply);
  if (taken === undefined) throw new Error("the poll came back empty");
  return taken;
}

/** Its lease, where it has to have one. */
export function leaseOf({ lease }: WireTaken): WireLease {
  if (lease === undefined) throw new Error("there is no lease");
  return lease;
}

export function httpCalls(client: HttpClient): LeaseCalls {
  const said = async (what: string, fields: object) => codeIn(await client.post(`/v1/agent/dispatch/${what}`, fields));
  return {
    async take(leaseSeconds, waitSeconds) {
      const reply = await client.poll(`?wait=${waitSeconds}&lease_seconds=${leaseSeconds}`);
      if (reply.status > 204) return codeIn(reply);
      const taken = takenIn(reply);
      return taken === undefined ? "nothing" : attemptFrom(taken.rollout_id, leaseOf(taken));
    },
    acknowledge: (rollout_id, lease_token) => said("ack", { rollout_id, lease_token }),
    reject: (rollout_id, lease_token, reason) => said("reject", { rollout_id, lease_token, reason }),
    async extend(rollout_id, lease_token, lease_seconds) {
      const reply = await client.post("/v1/agent/dispatch/extend", { rollout_id, lease_token, lease_seconds });
      return reply.status === 200 ? attemptFrom(rollout_id, JSON.parse(reply.body).lease) : codeIn(reply);
    },
  };
}

function attemptFrom(rolloutId: string, { token, attempt }: WireLease): Attempt {
  return { rolloutId, token, attempt };
}

/** `ok`, or the status and the code as they stand in the answer. */
function codeIn({ status, body }: Reply): string {
  return status === 200 ? "ok" : `${status} ${JSON.parse(body).code}`;
}

/** Over gRPC, with the statuses that plain HTTP has for the same codes put in front: refusals compare on every wire. */
export function grpcCalls(server: TestServer, pki: TestPki, { certPem: cert, keyPem: key }: Issued): LeaseCalls {
  const nodeOptions = { ca: pki.ca.certPem, cert, key };
  const client = createClient(AgentService, createGrpcTransport({ baseUrl: server.url, nodeOptions }));
  const orCode = <T>(call: Promise<T>): Promise<T | string> => call.catch((error: unknown) => codeOf(error));
  return {
    take: (leaseSeconds, waitSeconds) =>
      orCode(
        client.takeDispatch({ wait: BigInt(waitSeconds), leaseSeconds }).then(({ dispatch }) => {
          if (dispatch === undefined) return "nothing";
          const { lease, rolloutId } = dispatch;
          return { rolloutId, token: lease?.token ?? "", attempt: lease?.attempt ?? 0 };
        }),
      ),
    acknowledge: (rolloutId, leaseToken) => orCode(client.ackDispatch({ rolloutId, leaseToken }).then(() => "ok")),
    reject: (rolloutId, leaseToken, reason) =>
      orCode(client.rejectDispatch({ rolloutId, leaseToken, reason }).then(() => "ok")),
    extend: (rolloutId, leaseToken, leaseSeconds) =>
      orCode(
        client
          .extendLease({ rolloutId, leaseToken, leaseSeconds })
          .then(({ lease }) => ({ rolloutId, token: lease?.token ?? "", attempt: lease?.attempt ?? 0 })),
      ),
  };
}

function codeOf(error: unknown): string {
  switch (ConnectError.from(error).code) {
    case Code.FailedPrecondition:
      return "400 failed_precondition";
    case Code.InvalidArgument:
      return "400 invalid_argument";
    case Code.NotFound:
      return "404 not_found";
    default:
      return String(error);
  }
}
