import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Connection } from "../connections.js";
import { limits } from "../limits.js";
import { BegunPost, DirectRequest, headOf, readDirectRequest } from "./request.js";
import { DirectResponse } from "./response.js";
import { UnfinishedPost } from "./unfinished.js";

/** Who serves requests that Node has not read. */
export interface DirectServer {
  /** Whether it serves what this one asks for. */
  takesDirect(request: DirectRequest | BegunPost): boolean;
  /** Whether it would listen to this client now. For nobody else is a body kept that comes in pieces. */
  isOpenTo(connection: Connection): boolean;
  serveDirect(request: DirectRequest, response: DirectResponse): void;
}

export interface DirectReaderOptions {
  readonly connection: Connection;
  readonly server: DirectServer;
  /** Has Node read the connection from now on, as it would have from the start. */
  readonly handOver: (socket: Socket) => void;
}

const key = Symbol("reader");

declare module "node:net" {
  interface Socket {
    [key]?: DirectReader | undefined;
  }
}

/**
 * Reads an HTTP/1.1 connection for as long as it carries nothing but requests of the plainest form, each head in one piece, as those
 * of agents and planners are. Whatever else comes is Node's to read, and all that follows on that connection. An empty poll costs 0.73 of
 * what it costs with node:http (`docs/decisions/direct-requests.md`).
 */
export class DirectReader {
  readonly #options: DirectReaderOptions;
  /** The last GET: an agent asks the same again and again. A POST would hold its body. */
  #last: DirectRequest | undefined = undefined;
  /** Whether no request has come yet. */
  #isSilent = true;
  /** To the request that waits for it. */
  #response: DirectResponse | undefined = undefined;
  #unfinished: UnfinishedPost | undefined = undefined;
  /** A request that has come before the last one was answered. */
  #held: DirectRequest | undefined = undefined;

  constructor(options: DirectReaderOptions) {
    this.#options = options;
    const { socket } = options.connection;
    socket[key] = this;
    socket.on("data", onData).on("end", onEnd).on("error", onError).on("timeout", onTimeout);
    socket.setTimeout(limits.headersTimeoutMs);
  }

  read(chunk: Buffer): void {
    // An answer that ends the connection is on its way, or a drain does: what is taken now could not be handed out any more.
    if (!this.#options.connection.socket.writable) return;
    const response = this.#response;
    if (response !== undefined) this.#hold(chunk, response);
    else if (this.#unfinished !== undefined) this.#goOn(this.#unfinished, chunk);
    else this.#begin(chunk);
  }

  /** Told by a response. */
  written(): void {
    this.#response = undefined;
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    const { socket } = this.#options.connection;
    // It proves no receipt: it was sent before the answer was.
    process.nextTick(() => socket.writable && this.#serve(held));
  }

  /** Nothing has come, and nothing was to be sent, for as long as that may be. */
  timedOut(): void {
    if (this.#response !== undefined) return;
    const { socket } = this.#options.connection;
    if (this.#isSilent) socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
    socket.destroySoon();
  }

  #begin(chunk: Buffer): void {
    const request = this.#requestIn(chunk);
    if (request === undefined) this.#handOver(chunk);
    else if (request instanceof BegunPost) this.#wait(request, chunk);
    else this.#arrived(request);
  }

  #arrived(request: DirectRequest): void {
    this.#options.connection.requestArrived();
    this.#serve(request);
  }

  #wait(begun: BegunPost, chunk: Buffer): void {
    const { connection, server } = this.#options;
    if (chunk.length + begun.missingBytes > limits.directBodyBytes || !server.isOpenTo(connection))
      this.#handOver(chunk);
    else this.#unfinished = new UnfinishedPost(begun, chunk, connection, (late) => this.#giveUp(late));
  }

  #goOn(unfinished: UnfinishedPost, chunk: Buffer): void {
    unfinished.add(chunk);
    if (unfinished.missingBytes > 0) return;
    if (unfinished.missingBytes < 0) {
      this.#giveUp(unfinished);
      return;
    }
    this.#unfinished = undefined;
    this.#arrived(unfinished.whole);
    // After it has begun to be served: a drain closes a connection that has nothing to do.
    unfinished.end();
  }

  #giveUp(unfinished: UnfinishedPost): void {
    this.#unfinished = undefined;
    this.#handOver(unfinished.bytes);
    unfinished.end();
  }

  /**
   * Whoever sends ahead of the answers (pipelining) has one such request wait here. Of more, or of another kind, nothing is
   * served: the connection ends with the answer that is due, by which a client knows that it has to ask anew (RFC 9112, 9.3.2).
   */
  #hold(chunk: Buffer, response: DirectResponse): void {
    const request = this.#held === undefined && response.shouldKeepAlive ? this.#requestIn(chunk) : undefined;
    this.#held = request instanceof DirectRequest ? request : undefined;
    if (this.#held === undefined) response.shouldKeepAlive = false;
  }

  #serve(request: DirectRequest): void {
    const { connection, server } = this.#options;
    if (this.#isSilent) connection.socket.setTimeout(limits.keepAliveTimeoutMs);
    this.#isSilent = false;
    if (request.method === "GET") this.#last = request;
    const response = new DirectResponse(connection, this);
    this.#response = response;
    server.serveDirect(request, response);
  }

  #requestIn(chunk: Buffer): DirectRequest | BegunPost | undefined {
    const head = headOf(chunk);
    if (head === undefined) return undefined;
    if (head === this.#last?.head) return this.#last;
    const request = readDirectRequest(head, chunk.subarray(head.length));
    return request !== undefined && this.#options.server.takesDirect(request) ? request : undefined;
  }

  #handOver(chunk: Buffer): void {
    const { connection, handOver } = this.#options;
    const { socket } = connection;
    socket.off("data", onData).off("end", onEnd).off("error", onError).off("timeout", onTimeout);
    socket.setTimeout(0);
    socket[key] = undefined;
    handOver(socket);
    socket.unshift(chunk);
  }
}

/**
 * Takes the connections of a server away from Node.
 *
 * @param event that tells of a connection that is ready to be read
 * @returns what Node would have done with one by itself
 */
export function takeOver(server: EventEmitter, event: "connection" | "secureConnection"): (socket: Socket) => void {
  const [own] = server.listeners(event);
  if (own === undefined) throw new Error("Node does not listen for connections");
  server.removeAllListeners(event);
  return (socket) => Reflect.apply(own, server, [socket]);
}

// One function for all connections each, instead of one for every connection.

function onData(this: Socket, chunk: Buffer): void {
  this[key]?.read(chunk);
}

function onTimeout(this: Socket): void {
  this[key]?.timedOut();
}

/** A client that has ended its half waits for no answer, here as with node:http. */
function onEnd(this: Socket): void {
  this.end();
}

/** The connection closes, and says so. */
function onError(): void {}
