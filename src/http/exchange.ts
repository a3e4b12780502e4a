import { randomUUID } from "node:crypto";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { DispatchError } from "../dispatch/errors.js";
import type { Instant } from "../dispatch/instant.js";
import type { Wire } from "../dispatch/origin.js";
import type { KnownIdentity } from "../identity/identity.js";
import type { AnswerFollower, Call } from "./call.js";
import type { Connection, ConnectionUser } from "./connections.js";
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

  readonly #abort = new AbortController();
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
    watchResponse(request, response, (ending) => this.#end(ending));
  }

  /** Node tells only the response at the head of a pipeline that its connection has gone; this tells the others. */
  connectionClosed(): void {
    this.#end("lost");
  }

  /** Path without the query. */
  get path(): string {
    return this.#splitUrl()[0];
  }

  /** What stands behind the `?`; empty if there is none. */
  get query(): string {
    return this.#splitUrl()[1];
  }

  call(wire: Wire, { identity, ...admission }: Admission): Call {
    const actor = identity.kind === "agent" ? identity.machineId : identity.name;
    return {
      ...admission,
      requestId: this.requestId,
      wire,
      origin: { actor, address: this.connection.address, wire },
      userAgent: (this.request.headers["user-agent"] ?? "").slice(0, maxUserAgentChars),
      identity,
      signal: this.#abort.signal,
      follow: (follower) => {
        if (this.#ending === "lost") follower.lost();
        else this.#followers.push(follower);
      },
      note: (fields) => Object.assign(this.fields, fields),
    };
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending === "lost") this.#abort.abort(new DispatchError("gone", "the caller went away"));
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

function watchResponse(request: NodeRequest, response: NodeResponse, onEnd: (ending: Ending) => void): void {
  if ("stream" in response) {
    // The compatibility layer emits `finish` for a reset stream too; the stream itself knows.
    const stream = response.stream;
    stream.once("close", () => onEnd(stream.writableFinished && !stream.aborted ? "flushed" : "lost"));
    if (!stream.endAfterHeaders) stream.once("finish", () => stream.readableEnded || dropRestOfBody(stream));
    return;
  }
  // The request's, since a pipelined response has no socket before its turn comes.
  const { socket } = request;
  let flushed = false;
  response.once("finish", () => {
    flushed = socket.errored === null && !socket.destroyed;
    // Whoever read the body has left off half-way, so nothing on this connection would be read any more.
    if (!request.complete && request.destroyed) socket.end();
  });
  response.once("close", () => onEnd(flushed ? "flushed" : "lost"));
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
