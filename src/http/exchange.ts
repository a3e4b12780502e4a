import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { DispatchError } from "../dispatch/errors.js";
import type { Instant } from "../dispatch/instant.js";
import type { Origin, Wire } from "../dispatch/origin.js";
import type { Leaving } from "../dispatch/poll.js";
import type { KnownIdentity } from "../identity/identity.js";
import type { AnswerFollower, Call } from "./call.js";
import type { Connection, ConnectionUser } from "./connections.js";
import { Departure } from "./departure.js";
import type { NodeRequest, NodeResponse } from "./node.js";

/** How an exchange ended for the caller: its answer was handed to the operating system whole, or it was not. */
export type Ending = "flushed" | "lost";

/** What an exchange is told about its connection's client, once that has been let in. */
export interface Admission {
  readonly identity: KnownIdentity;
  readonly certificateLeftMs: number;
  readonly certificateNotAfter: Instant | null;
  /** @throws DispatchError `unauthenticated` */
  readonly assertAllowed: () => void;
}

/** One request and its answer on Node's side: the request id, whether the caller is still there, what became of the answer. */
export class Exchange implements ConnectionUser {
  readonly requestId: string;
  readonly fields: Record<string, string | number> = {};

  readonly departure = new Departure();
  /** HTTP/1.1: the answer has been written to a connection that was there. */
  isHandedOver = false;
  readonly #followers: AnswerFollower[] = [];
  /** Its stream does not know it any more once it has closed. */
  readonly #session: Http2Session | undefined;
  readonly #onEnd: (exchange: Exchange, ending: Ending) => void;
  #ending: Ending | undefined;

  constructor(
    readonly request: NodeRequest,
    readonly response: NodeResponse,
    readonly connection: Connection,
    onEnd: (exchange: Exchange, ending: Ending) => void,
  ) {
    this.requestId = requestIdOf(request);
    const traceId = traceIdOf(request);
    if (traceId !== undefined) this.fields.traceId = traceId;
    this.#onEnd = onEnd;
    this.#session = "stream" in response ? response.stream.session : undefined;
    if ("stream" in response) watchStream(response.stream, this);
    else watchResponse(response, this);
  }

  /** Node tells only the response at the head of a pipeline that its connection has gone; this tells the others. */
  connectionClosed(): void {
    this.end("lost");
  }

  /** Path without the query. */
  get path(): string {
    return this.#splitUrl()[0];
  }

  /** What stands behind the `?`; empty if there is none. */
  get query(): string {
    return this.#splitUrl()[1];
  }

  call(wire: Wire, admission: Admission): Call {
    return new ExchangeCall(this, wire, admission);
  }

  /** From now on the follower is told what becomes of this answer. */
  follow(follower: AnswerFollower): void {
    if (this.#ending === "lost") follower.lost();
    else this.#followers.push(follower);
  }

  /** Told by Node, and by the connection; the first word counts. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending === "lost") this.departure.happen(new DispatchError("gone", "the caller went away"));
    for (const follower of this.#followers) this.#tell(follower, ending);
    this.#onEnd(this, ending);
  }

  #tell(follower: AnswerFollower, ending: Ending): void {
    if (ending === "lost") {
      follower.lost();
      return;
    }
    follower.flushed();
    this.connection.onReceipt(this.#session, (proof) => follower.received(proof));
  }

  #splitUrl(): [path: string, query: string] {
    const url = this.request.url ?? "";
    const mark = url.indexOf("?");
    return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
  }
}

/** A call that came by an exchange. There is one for each parked poll, so it holds no more than it must. */
class ExchangeCall implements Call {
  readonly origin: Origin;
  readonly #exchange: Exchange;
  readonly #admission: Admission;

  constructor(
    exchange: Exchange,
    readonly wire: Wire,
    admission: Admission,
  ) {
    const { identity } = admission;
    const actor = identity.kind === "agent" ? identity.machineId : identity.name;
    this.#exchange = exchange;
    this.#admission = admission;
    this.origin = { actor, address: exchange.connection.address, wire };
  }

  get requestId(): string {
    return this.#exchange.requestId;
  }

  get userAgent(): string {
    return (this.#exchange.request.headers["user-agent"] ?? "").slice(0, maxUserAgentChars);
  }

  get identity(): KnownIdentity {
    return this.#admission.identity;
  }

  get certificateLeftMs(): number {
    return this.#admission.certificateLeftMs;
  }

  get certificateNotAfter(): Instant | null {
    return this.#admission.certificateNotAfter;
  }

  get assertAllowed(): () => void {
    return this.#admission.assertAllowed;
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

  note(fields: Readonly<Record<string, string | number>>): void {
    Object.assign(this.#exchange.fields, fields);
  }
}

/** A header as long as it may be would be kept for each host. */
const maxUserAgentChars = 128;

/** A client's own id is taken over if it is plain enough for a log line, so that its log and ours can be laid together. */
function requestIdOf(request: NodeRequest): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
}

/** Of the W3C's `traceparent`, so that the lines of a caller's trace can be found here. */
function traceIdOf({ headers }: NodeRequest): string | undefined {
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
  if (exchange === undefined || "stream" in exchange.request) return;
  // The request's, since a pipelined response has no socket before its turn comes.
  const { request } = exchange;
  exchange.isHandedOver = request.socket.errored === null && !request.socket.destroyed;
  // Whoever read the body has left off half-way, so nothing on this connection would be read any more.
  if (!request.complete && request.destroyed) request.socket.end();
}

function onClose(this: ServerResponse): void {
  this[key]?.end(this[key].isHandedOver ? "flushed" : "lost");
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
