import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { TLSSocket } from "node:tls";
import { create, fromJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { type ConnectNodeAdapterOptions, connectNodeAdapter } from "@connectrpc/connect-node";
import { AgentService, TakeDispatchResponseSchema } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { DispatchSchema, LeaseSchema } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { DispatchJson, LeaseJson } from "../../src/agent/index.js";
import type { TestPki } from "./certificates.js";
import { Happenings } from "./happenings.js";

interface ErrorReply {
  readonly kind: "error";
  readonly code: Code;
  readonly status: number;
  readonly message: string;
  readonly retryAfter?: string;
}

/** On the plain path only. */
interface RawReply {
  readonly kind: "raw";
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a poll can be answered with, on either wire. */
export type Reply =
  | { readonly kind: "dispatch"; readonly dispatch: Partial<DispatchJson> }
  | { readonly kind: "empty" }
  | ErrorReply
  | RawReply;

/** What a call about a dispatch can be answered with. */
export type CallReply =
  | { readonly kind: "ok" }
  | { readonly kind: "lease"; readonly lease: LeaseJson }
  /** The connection dies instead of the answer. */
  | { readonly kind: "cut" }
  | ErrorReply
  | RawReply;

interface Arrived<R> {
  readonly protocol: string | undefined;
  readonly commonName: string;
  /** With the query. */
  readonly path: string;
  readonly httpVersion: string;
  answer(reply: R): void;
}

/** A poll that has arrived and waits for the test to answer it. */
export interface Poll extends Arrived<Reply> {
  readonly wait: string | undefined;
  readonly hostname: string | undefined;
  readonly leaseSeconds: string | undefined;
}

/** The same for a call about a dispatch. */
export interface Call extends Arrived<CallReply> {
  readonly call: "ack" | "reject" | "extend";
  /** In the names of the schema. */
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly polls: Happenings<Poll>;
  readonly calls: Happenings<Call>;
  /** Connections that were opened so far. */
  readonly opened: number;
  dropConnections(): void;
  /** Resolves when the connections that are open now have closed. */
  connectionsClosed(): Promise<unknown>;
  close(): Promise<void>;
}

type NodeRequest = Parameters<NonNullable<ConnectNodeAdapterOptions["contextValues"]>>[0];

const requestKey = createContextKey<NodeRequest | undefined>(undefined);

/** A path that the API is served under too. */
export const proxyPath = "/behind/a/proxy";

/** Speaks both wires and leaves every answer to the test. */
export async function startScriptedServer(pki: TestPki, port = 0): Promise<ScriptedServer> {
  const asked: Asked = { polls: new Happenings(), calls: new Happenings() };
  const rpc = rpcHandler(asked, "");
  const rpcBehindProxy = rpcHandler(asked, proxyPath);
  const server = createSecureServer(
    { allowHTTP1: true, ...pki.server, ca: pki.ca, requestCert: true, minVersion: "TLSv1.3" },
    (request, response) => {
      const { pathname } = new URL(request.url, "https://localhost");
      const [, call] = /\/v1\/agent\/dispatch\/(ack|reject|extend)$/.exec(pathname) ?? [];
      if (pathname.endsWith("/v1/agent/dispatch")) plainPoll(request, response, asked.polls);
      else if (call === "ack" || call === "reject" || call === "extend") {
        plainCall({ request, response, call, calls: asked.calls });
      } else if (request.url.startsWith(proxyPath)) rpcBehindProxy(request, response);
      else rpc(request, response);
    },
  );
  const connections = new Map<Socket, Promise<void>>();
  let opened = 0;
  server.on("connection", (socket: Socket) => {
    opened += 1;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    connections.set(socket, closed);
    void closed.then(() => connections.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const dropConnections = () => {
    for (const socket of connections.keys()) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${address.port}`,
    port: address.port,
    ...asked,
    get opened() {
      return opened;
    },
    dropConnections,
    connectionsClosed: () => Promise.all(connections.values()),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      dropConnections();
      await closed;
    },
  };
}

interface Asked {
  readonly polls: Happenings<Poll>;
  readonly calls: Happenings<Call>;
}

function rpcHandler({ polls, calls }: Asked, requestPathPrefix: string): ReturnType<typeof connectNodeAdapter> {
  const told = async (
    call: Call["call"],
    fields: Call["fields"],
    { values }: Pick<HandlerContext, "values">,
  ): Promise<LeaseJson | undefined> => {
    const request = values.get(requestKey);
    const reply = await offer(calls, request, { call, fields });
    switch (reply.kind) {
      case "ok":
        return undefined;
      case "lease":
        return reply.lease;
      case "cut":
        cut(request);
        throw new ConnectError("for nobody");
      case "error":
        throw connectError(reply);
      case "raw":
        throw new Error("for the plain path only");
    }
  };
  return connectNodeAdapter({
    requestPathPrefix,
    contextValues: (request) => createContextValues().set(requestKey, request),
    routes: (router) => {
      router.service(AgentService, {
        async takeDispatch(request, context) {
          const reply = await offer(polls, context.values.get(requestKey), {
            wait: request.wait?.toString(),
            hostname: request.hostname,
            leaseSeconds: request.leaseSeconds?.toString(),
          });
          switch (reply.kind) {
            case "dispatch":
              return create(TakeDispatchResponseSchema, {
                dispatch: fromJsonString(DispatchSchema, JSON.stringify(reply.dispatch)),
              });
            case "empty":
              return {};
            case "error":
              throw connectError(reply);
            case "raw":
              throw new Error("for the plain path only");
          }
        },
        async ackDispatch({ rolloutId, leaseToken }, context) {
          await told("ack", { rollout_id: rolloutId, lease_token: leaseToken }, context);
          return {};
        },
        async rejectDispatch({ rolloutId, leaseToken, reason }, context) {
          await told("reject", { rollout_id: rolloutId, lease_token: leaseToken, reason }, context);
          return {};
        },
        async extendLease({ rolloutId, leaseToken, leaseSeconds }, context) {
          const fields = { rollout_id: rolloutId, lease_token: leaseToken, lease_seconds: leaseSeconds };
          const lease = await told("extend", fields, context);
          return lease === undefined ? {} : { lease: fromJsonString(LeaseSchema, JSON.stringify(lease)) };
        },
      });
    },
  });
}

function connectError({ message, code, retryAfter }: ErrorReply): ConnectError {
  return new ConnectError(message, code, retryAfter === undefined ? {} : { "retry-after": retryAfter });
}

async function plainPoll(request: Http2ServerRequest, response: Http2ServerResponse, polls: Happenings<Poll>) {
  const query = new URL(request.url, "https://localhost").searchParams;
  const reply = await offer(polls, request, {
    wait: query.get("wait") ?? undefined,
    hostname: query.get("hostname") ?? undefined,
    leaseSeconds: query.get("lease_seconds") ?? undefined,
  });
  switch (reply.kind) {
    case "dispatch":
      response.writeHead(200, json).end(JSON.stringify(reply.dispatch));
      return;
    case "empty":
      response.writeHead(204).end();
      return;
    default:
      plainReply(response, reply);
  }
}

async function plainCall({
  request,
  response,
  call,
  calls,
}: {
  request: Http2ServerRequest;
  response: Http2ServerResponse;
  call: Call["call"];
  calls: Happenings<Call>;
}) {
  const fields = JSON.parse(await text(request));
  const reply = await offer(calls, request, { call, fields });
  switch (reply.kind) {
    case "ok":
      response.writeHead(200, json).end("{}");
      return;
    case "lease":
      response.writeHead(200, json).end(JSON.stringify({ lease: reply.lease }));
      return;
    case "cut":
      cut(request);
      return;
    default:
      plainReply(response, reply);
  }
}

const json = { "content-type": "application/json" };

function plainReply(response: Http2ServerResponse, reply: ErrorReply | RawReply) {
  if (reply.kind === "raw") {
    response.writeHead(reply.status, { ...reply.headers }).end(reply.body);
    return;
  }
  const code = Code[reply.code].replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  response
    .writeHead(reply.status, { ...json, ...(reply.retryAfter ? { "retry-after": reply.retryAfter } : {}) })
    .end(JSON.stringify({ code, message: reply.message }));
}

/** Puts it before the test, and gives what that answers. */
function offer<R, A extends object>(
  happenings: Happenings<A & Arrived<R>>,
  request: NodeRequest | undefined,
  asked: A,
): Promise<R> {
  if (request === undefined) throw new Error("no request in the context");
  let answer: (reply: R) => void = () => {};
  const answered = new Promise<R>((resolve) => {
    answer = resolve;
  });
  const protocol = request.headers["x-nixfleet-protocol"];
  happenings.push({
    ...asked,
    protocol: typeof protocol === "string" ? protocol : undefined,
    commonName: String(socketOf(request).getPeerCertificate().subject.CN),
    path: request.url ?? "",
    httpVersion: request.httpVersion,
    answer: (reply) => answer(reply),
  });
  return answered;
}

function cut(request: NodeRequest | undefined): void {
  // The socket of HTTP/2 must not be touched.
  if (request !== undefined && "stream" in request) request.stream.session?.destroy();
  else request?.socket.destroy();
}

function socketOf(request: NodeRequest): TLSSocket {
  const socket = "stream" in request ? request.stream.session?.socket : request.socket;
  if (!(socket instanceof TLSSocket)) throw new Error("not over TLS");
  return socket;
}
