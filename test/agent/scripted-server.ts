import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { create, fromJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { type ConnectNodeAdapterOptions, connectNodeAdapter } from "@connectrpc/connect-node";
import { AgentService, TakeDispatchResponseSchema } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { DispatchSchema } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { DispatchJson } from "../../src/agent/index.js";
import type { TestPki } from "./certificates.js";
import { Happenings } from "./happenings.js";

/** What a poll can be answered with, on either wire. */
export type Reply =
  | { readonly kind: "dispatch"; readonly dispatch: Partial<DispatchJson> }
  | { readonly kind: "empty" }
  | {
      readonly kind: "error";
      readonly code: Code;
      readonly status: number;
      readonly message: string;
      readonly retryAfter?: string;
    }
  /** On the plain path only. */
  | {
      readonly kind: "raw";
      readonly status: number;
      readonly body: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A poll that has arrived and waits for the test to answer it. */
export interface Poll {
  readonly wait: string | undefined;
  readonly hostname: string | undefined;
  readonly protocol: string | undefined;
  readonly commonName: string;
  /** With the query. */
  readonly path: string;
  readonly httpVersion: string;
  answer(reply: Reply): void;
}

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly polls: Happenings<Poll>;
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
  const polls = new Happenings<Poll>();
  const rpc = rpcHandler(polls, "");
  const rpcBehindProxy = rpcHandler(polls, proxyPath);
  const server = createSecureServer(
    { allowHTTP1: true, ...pki.server, ca: pki.ca, requestCert: true, minVersion: "TLSv1.3" },
    (request, response) => {
      if (new URL(request.url, "https://localhost").pathname.endsWith("/v1/agent/dispatch"))
        plainPoll(request, response, polls);
      else if (request.url.startsWith(proxyPath)) rpcBehindProxy(request, response);
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
    polls,
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

function rpcHandler(polls: Happenings<Poll>, requestPathPrefix: string): ReturnType<typeof connectNodeAdapter> {
  return connectNodeAdapter({
    requestPathPrefix,
    contextValues: (request) => createContextValues().set(requestKey, request),
    routes: (router) => {
      router.service(AgentService, {
        async takeDispatch(request, context) {
          const reply = await offer(polls, context.values.get(requestKey), {
            wait: request.wait?.toString(),
            hostname: request.hostname,
          });
          switch (reply.kind) {
            case "dispatch":
              return create(TakeDispatchResponseSchema, { dispatch: fromJson(DispatchSchema, reply.dispatch) });
            case "empty":
              return {};
            case "error":
              throw new ConnectError(
                reply.message,
                reply.code,
                reply.retryAfter === undefined ? {} : { "retry-after": reply.retryAfter },
              );
            case "raw":
              throw new Error("for the plain path only");
          }
        },
      });
    },
  });
}

async function plainPoll(request: Http2ServerRequest, response: Http2ServerResponse, polls: Happenings<Poll>) {
  const query = new URL(request.url, "https://localhost").searchParams;
  const reply = await offer(polls, request, {
    wait: query.get("wait") ?? undefined,
    hostname: query.get("hostname") ?? undefined,
  });
  const json = { "content-type": "application/json" };
  switch (reply.kind) {
    case "dispatch":
      response.writeHead(200, json).end(JSON.stringify(reply.dispatch));
      return;
    case "empty":
      response.writeHead(204).end();
      return;
    case "error": {
      const code = Code[reply.code].replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
      response
        .writeHead(reply.status, { ...json, ...(reply.retryAfter ? { "retry-after": reply.retryAfter } : {}) })
        .end(JSON.stringify({ code, message: reply.message }));
      return;
    }
    case "raw":
      response.writeHead(reply.status, { ...reply.headers }).end(reply.body);
  }
}

function offer(
  polls: Happenings<Poll>,
  request: NodeRequest | undefined,
  asked: Pick<Poll, "wait" | "hostname">,
): Promise<Reply> {
  if (request === undefined) throw new Error("no request in the context");
  let answer: (reply: Reply) => void = () => {};
  const answered = new Promise<Reply>((resolve) => {
    answer = resolve;
  });
  const protocol = request.headers["x-nixfleet-protocol"];
  polls.push({
    ...asked,
    protocol: typeof protocol === "string" ? protocol : undefined,
    commonName: commonName(request),
    path: request.url ?? "",
    httpVersion: request.httpVersion,
    answer: (reply) => answer(reply),
  });
  return answered;
}

function commonName(request: NodeRequest): string {
  const socket = "stream" in request ? request.stream.session?.socket : request.socket;
  if (!(socket instanceof TLSSocket)) throw new Error("not over TLS");
  return String(socket.getPeerCertificate().subject.CN);
}
