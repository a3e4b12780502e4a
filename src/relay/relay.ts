import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { refusalOf } from "./access.js";
import { relayHandlers } from "./forward.js";
import { securityHeaders } from "./headers.js";
import { doorPaths, type PageFacts, type PageFile, type PageFiles, readPageFiles } from "./page-files.js";
import { Session } from "./session.js";

export interface RelayOptions {
  /** 0 for a free one. */
  readonly port: number;
  /** Where the built page is. */
  readonly pageFolder: string;
  readonly facts: PageFacts;
  /** What the page may call. */
  readonly services: readonly DescService[];
  /** The way to the dispatch server, with the operator's certificate. */
  readonly transport: Transport;
  /** What nobody foresaw. */
  readonly onError: (error: unknown) => void;
}

export interface RunningRelay {
  /** To be opened in a browser, once: it carries the token. */
  readonly link: string;
  readonly port: number;
  /** Closes every connection, also those in use. */
  close(): Promise<void>;
}

/** Only programs on this machine reach it. */
const loopback = "127.0.0.1";

/**
 * The server behind the page: it serves the page's files, and relays its calls. Nothing is served without the session that
 * the token opens, but the door where that is done.
 *
 * @throws Error of the system if the port cannot be listened on; Error if the page is not built
 */
export async function startRelay(options: RelayOptions): Promise<RunningRelay> {
  const files = readPageFiles(options.pageFolder, options.facts);
  const handlers = relayHandlers(options.services, options.transport);
  const server = createServer();
  server.listen(options.port, loopback);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");
  const { port } = address;
  const hosts = new Set([`${loopback}:${port}`, `localhost:${port}`]);
  const relay: Relay = { files, handlers, hosts, session: new Session(port) };
  server.on("request", (request, response) => {
    answer(relay, request, response).catch((error: unknown) => {
      if (!response.destroyed) options.onError(error);
      response.destroy();
    });
  });
  return {
    link: `http://${loopback}:${port}/open#${relay.session.token}`,
    port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

interface Relay {
  readonly files: PageFiles;
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly hosts: ReadonlySet<string>;
  readonly session: Session;
}

async function answer(relay: Relay, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  const { method = "", headers } = request;
  const refusal = refusalOf({ method, headers }, relay.hosts);
  if (refusal !== undefined) return sendText(response, refusal.status, refusal.message);
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const isLetIn = relay.session.holds(headers.cookie);
  if (method === "POST") return post(relay, { path, isLetIn, request, response });
  if (path === "/open") return sendFile(response, 200, relay.files.door);
  if (!isLetIn && !doorPaths.has(path)) return sendFile(response, 401, relay.files.door);
  const file = relay.files.find(path);
  if (file !== undefined) return sendFile(response, 200, file);
  // Any other address is a view of the page, which finds its way by itself; hosts there may have dots in their names.
  if (/^\/(?:assets\/.*|[^/]+\.[a-z0-9]+)$/.test(path)) return sendText(response, 404, "There is no such file.");
  return sendFile(response, 200, relay.files.index);
}

interface Posted {
  readonly path: string;
  readonly isLetIn: boolean;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function post(relay: Relay, { path, isLetIn, request, response }: Posted): Promise<void> {
  if (path === "/session") return openSession(relay.session, isLetIn, request, response);
  if (!isLetIn) return sendJson(response, 401, { code: "unauthenticated", message: notLetIn });
  const handler = relay.handlers.get(path);
  if (handler === undefined) return sendJson(response, 404, { code: "unimplemented", message: "no such call" });
  const answered = await handler(universalRequestFromNodeRequest(request, response, undefined, undefined));
  await universalResponseToNodeResponse(answered, response);
}

const notLetIn = "this browser is not let in (any more): start nixfleet-dispatch dashboard anew, and open its link";

async function openSession(session: Session, isLetIn: boolean, request: IncomingMessage, response: ServerResponse) {
  const token = await readText(request, 256);
  const cookie = session.open(token);
  // Who opens the link again in the browser that is let in already gets there too.
  if (cookie === undefined && !isLetIn) return sendText(response, 401, "The token is wrong, or was used already.");
  if (cookie !== undefined) response.setHeader("set-cookie", cookie);
  response.writeHead(204).end();
}

/** Empty if there is more than that. */
async function readText(request: IncomingMessage, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= mostBytes) chunks.push(chunk);
  }
  return size > mostBytes ? "" : Buffer.concat(chunks).toString("utf8");
}

function sendFile(response: ServerResponse, status: number, { type, bytes }: PageFile): void {
  response.writeHead(status, { "content-type": type, "content-length": bytes.length }).end(bytes);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

/** As Connect words errors, so that the page's client understands it. */
function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
