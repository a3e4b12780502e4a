import { IncomingMessage, type ServerResponse } from "node:http";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { DispatchError } from "../dispatch/errors.js";
import { type Instant, instantFromMicros } from "../dispatch/instant.js";
import type { Origin, Wire } from "../dispatch/origin.js";
import type { Leaving } from "../dispatch/poll.js";
import type { KnownIdentity } from "../identity/identity.js";
import type { AnswerFollower, Call } from "./call.js";
import type { Connection, ConnectionUser } from "./connections.js";
import { Departure } from "./departure.js";
import type { DirectRequest } from "./direct/request.js";
import { DirectResponse } from "./direct/response.js";
import type { NodeRequest, NodeResponse } from "./node.js";
import { requestIdOf } from "./request-id.js";
import { pathOf, queryOf } from "./target.js";

/** How an exchange ended for the caller: its answer was handed to the operating system whole, or it was not. */
export type Ending = "flushed" | "lost";

/** Who judges a connection's client: on each request, and again before each hand-out. */
export interface Gate {
  /** @throws DispatchError `unauthenticated` */
  identify(connection: Connection): KnownIdentity;
  /** How long the client's certificate is still valid, in milliseconds. */
  certificateLeftMs(connection: Connection): number;
}

/** Read by Node, or by us. */
export type AnyRequest = NodeRequest | DirectRequest;
export type AnyResponse = NodeResponse | DirectResponse;

/** Hears of the end of an exchange, once. */
export interface ExchangeWatcher {
  exchangeEnded(exchange: Exchange, ending: Ending): void;
}

/** One request and its answer: the request id, whether the caller is still there, what became of the answer. */
export class Exchange implements ConnectionUser {
  readonly departure = new Departure();
  /** HTTP/1.1: the answer has been written to a connection that was there. */
  isHandedOver = false;
  /** What there is to say of it in the log. */
  #fields: Fields | undefined = undefined;
  #requestId: string | undefined = undefined;
  #followers: AnswerFollower[] | undefined = undefined;
  /** Its stream does not know it any more once it has closed. */
  readonly #session: Http2Session | undefined;
  readonly #watcher: ExchangeWatcher;
  #ending: Ending | undefined = undefined;

  constructor(
    readonly request: AnyRequest,
    readonly response: AnyResponse,
    readonly connection: Connection,
    watcher: ExchangeWatcher,
  ) {
    this.#watcher = watcher;
    this.#session = "stream" in response ? response.stream.session : undefined;
    if ("stream" in response) watchStream(response.stream, this);
    else if (response instanceof DirectResponse) response.onFlushed = this;
    else watchResponse(response, this);
  }

  /** Made when somebody asks: those of a fleet that waits would be half a kilobyte for each host. */
  get requestId(): string {
    this.#requestId ??= requestIdOf(this.request);
    return this.#requestId;
  }

  get fields(): Fields {
    const traceId = traceIdOf(this.request);
    return traceId === undefined ? { ...this.#fields } : { traceId, ...this.#fields };
  }

  /** Node tells only the response at the head of a pipeline that its connection has gone; this tells the others. */
  connectionClosed(): void {
    this.end("lost");
  }

  /**
   * Over TLS, Node says that an answer is out in a turn of its own, and what the client sent by then is read before that. A
   * client that is fast has read the answer and polls again meanwhile: its request tells what Node does not yet.
   */
  nextRequestArrived(): void {
    if (this.#followers !== undefined && isWritten(this.response)) this.end("flushed");
  }

  get path(): string {
    return pathOf(this.request.url ?? "");
  }

  get query(): string {
    return queryOf(this.request.url ?? "");
  }

  /**
   * The call that it carries.
   *
   * @throws DispatchError `unauthenticated` if the gate does not let its client in
   */
  call(wire: Wire, gate: Gate): Call {
    return new ExchangeCall(this, wire, gate);
  }

  note(fields: Fields): void {
    this.#fields = this.#fields === undefined ? fields : { ...this.#fields, ...fields };
  }

  /** From now on the follower is told what becomes of this answer. */
  follow(follower: AnswerFollower): void {
    if (this.#ending === "lost") follower.lost();
    else if (this.#followers === undefined) this.#followers = [follower];
    else this.#followers.push(follower);
  }

  /** Told by Node, and by the connection; the first word counts. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending === "lost") this.departure.happen(new DispatchError("gone", "the caller went away"));
    const followers = this.#followers;
    this.#followers = undefined;
    if (followers !== undefined) for (const follower of followers) this.#tell(follower, ending);
    this.#watcher.exchangeEnded(this, ending);
  }

  #tell(follower: AnswerFollower, ending: Ending): void {
    if (ending === "lost") {
      follower.lost();
      return;
    }
    follower.flushed();
    if (follower.received !== undefined) this.connection.onReceipt(this.#session, follower.received);
  }
}

type Fields = Readonly<Record<string, string | number>>;

/** A call that came by an exchange. There is one for each parked poll, so it holds no more than it must. */
class ExchangeCall implements Call {
  readonly identity: KnownIdentity;
  readonly origin: Origin;
  readonly #exchange: Exchange;
  readonly #gate: Gate;

  constructor(
    exchange: Exchange,
    readonly wire: Wire,
    gate: Gate,
  ) {
    const { connection } = exchange;
    this.identity = gate.identify(connection);
    this.#exchange = exchange;
    this.#gate = gate;
    const actor = this.identity.kind === "agent" ? this.identity.machineId : this.identity.name;
    this.origin = { actor, address: connection.address, wire };
  }

  get requestId(): string {
    return this.#exchange.requestId;
  }

  get userAgent(): string {
    return (this.#exchange.request.headers["user-agent"] ?? "").slice(0, maxUserAgentChars);
  }

  get certificateLeftMs(): number {
    return this.#gate.certificateLeftMs(this.#exchange.connection);
  }

  get certificateNotAfter(): Instant | null {
    const { cert } = this.#exchange.connection;
    return cert === undefined ? null : (instantFromMicros(cert.notAfterMs * 1_000) ?? null);
  }

  assertAllowed(): void {
    this.#gate.identify(this.#exchange.connection);
  }

  get leaving(): Leaving {
    return this.#exchange.departure;
  }

  get signal(): AbortSignal {
    return this.#exchange.departure.signal;
  }

  follow(follower: AnswerFollower): void {
    this.#exchange.follow(follower);
  }

  note(fields: Fields): void {
    this.#exchange.note(fields);
  }
}

/** A header as long as it may be would be kept for each host. */
const maxUserAgentChars = 128;

/** Of the W3C's `traceparent`, so that the lines of a caller's trace can be found here. */
function traceIdOf({ headers }: AnyRequest): string | undefined {
  const given = headers.traceparent;
  return typeof given === "string" ? /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-/.exec(given)?.[1] : undefined;
}

const key = Symbol("exchange");

declare module "node:http" {
  interface ServerResponse {
    [key]?: Exchange;
  }
}

/** The compatibility layer emits `finish` for a reset stream too; the stream itself knows. */
function watchStream(stream: ServerHttp2Stream, exchange: Exchange): void {
  stream.once("close", () => exchange.end(stream.writableFinished && !stream.aborted ? "flushed" : "lost"));
  if (!stream.endAfterHeaders) stream.once("finish", () => stream.readableEnded || dropRestOfBody(stream));
}

/** By two functions for all of them, instead of two for each. */
function watchResponse(response: ServerResponse, exchange: Exchange): void {
  response[key] = exchange;
  response.on("finish", onFinish);
  response.on("close", onClose);
}

function onFinish(this: ServerResponse): void {
  const exchange = this[key];
  // The request's, since a pipelined response has no socket before its turn comes.
  const request = exchange?.request;
  if (exchange === undefined || !(request instanceof IncomingMessage)) return;
  exchange.isHandedOver = request.socket.errored === null && !request.socket.destroyed;
  // Whoever read the body has left off half-way, so nothing on this connection would be read any more.
  if (!request.complete && request.destroyed) request.socket.end();
}

/** Whole, and to its connection: one that waits behind another's (pipelining) has no socket until its turn comes. */
function isWritten(response: AnyResponse): boolean {
  if (response instanceof DirectResponse) return response.isWritten;
  return response.writableEnded && !("stream" in response) && response.socket?.errored === null;
}

function onClose(this: ServerResponse): void {
  this[key]?.end(this[key].isHandedOver ? "flushed" : "lost");
  forgetHead(this);
}

/**
 * Has no public way: Node keeps the text of the head, and the pieces that it was made of, with its response. That of a parked poll is
 * old, and what hangs on the old is copied, and kept until they are collected: for each host of a fan-out 1 KB of 2.6 KB.
 */
function forgetHead(response: ServerResponse & { _header?: string | null }): void {
  // Not empty, which would be a response whose head has not been sent.
  if (response.headersSent) response._header = "sent";
}

/** How long the sender of a body that was refused half-way may go on. */
const bodyGraceMs = 1_000;

/**
 * A body that nobody reads would keep its stream open for good, its sender waiting for room to send the rest. A reset at
 * once would overtake the answer in many a client, which then reports that instead of the reason for the refusal.
 */
function dropRestOfBody(stream: ServerHttp2Stream): void {
  stream.resume();
  const timer = setTimeout(() => stream.close(), bodyGraceMs).unref();
  stream.once("close", () => clearTimeout(timer));
}

/** An exchange that Node has read the request of. */
export interface NodeExchange extends Exchange {
  readonly request: NodeRequest;
  readonly response: NodeResponse;
}

export function isOfNode(exchange: Exchange): exchange is NodeExchange {
  return !(exchange.response instanceof DirectResponse);
}
