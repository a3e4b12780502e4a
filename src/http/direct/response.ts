import { STATUS_CODES } from "node:http";
import type { Connection } from "../connections.js";
import { limits } from "../limits.js";

export interface DirectAnswer {
  readonly status: number;
  /** Of names and values that need no escaping. */
  readonly headers: Readonly<Record<string, string | number>>;
  /** Empty: there is none. */
  readonly body: string;
  readonly encoding: "latin1" | "utf8";
}

/** Hears that an answer has been handed to the operating system whole. Nobody tells of one that was not: its connection closes. */
export interface FlushListener {
  end(ending: "flushed"): void;
}

/** The answer to a request that Node has not read, in one write. */
export class DirectResponse {
  statusCode = 200;
  /** Whether it has been written, head and body. */
  headersSent = false;
  /** Set to false before it is written, it ends the connection. */
  shouldKeepAlive = true;
  onFlushed: FlushListener | undefined = undefined;
  readonly #onWritten: { written(): void };

  constructor(
    readonly connection: Connection,
    onWritten: { written(): void },
  ) {
    this.#onWritten = onWritten;
  }

  get destroyed(): boolean {
    return this.connection.socket.destroyed;
  }

  /** Whole, and to a connection that is there. */
  get isWritten(): boolean {
    return this.headersSent && this.connection.socket.errored === null;
  }

  send({ status, headers, body, encoding }: DirectAnswer): void {
    if (this.headersSent) throw new Error("a second answer to one request");
    this.headersSent = true;
    this.statusCode = status;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    const { socket } = this.connection;
    socket.write(`${head}${lastLines(this.shouldKeepAlive)}\r\n${body}`, encoding, () => {
      // Over TLS it is called without an error, too, for what a connection that broke has not sent.
      if (socket.errored === null && !socket.destroyed) this.onFlushed?.end("flushed");
    });
    if (!this.shouldKeepAlive) socket.destroySoon();
    this.#onWritten.written();
  }

  destroy(): void {
    this.connection.socket.destroy();
  }
}

let second = 0;
let date = "";

/** As Node writes them. The date is made once a second. */
function lastLines(shouldKeepAlive: boolean): string {
  const nowMs = Date.now();
  const nowSecond = Math.floor(nowMs / 1_000);
  if (nowSecond !== second) {
    second = nowSecond;
    date = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  return date + (shouldKeepAlive ? kept : "Connection: close\r\n");
}

const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${limits.keepAliveTimeoutMs / 1_000}\r\n`;
