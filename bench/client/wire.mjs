// One connection that speaks as much HTTP/1.1 as the bench needs, on a bare socket: node:http as a client costs more than
// a server that does nothing, and would be what is measured.

import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

/** One request at a time; `onAnswer(status, body)` gets its answer. */
export class Wire {
  #socket;
  #text = "";
  #onAnswer;
  /** Called when the connection ends under a request. */
  onBroken = () => undefined;

  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("close", () => this.#broken());
    socket.on("error", () => undefined);
  }

  get isOpen() {
    return !this.#socket.destroyed;
  }

  get isIdle() {
    return this.#onAnswer === undefined;
  }

  send(text, onAnswer) {
    this.#onAnswer = onAnswer;
    this.#socket.write(text, "latin1");
  }

  ask(text) {
    return new Promise((resolve, reject) => {
      this.onBroken = () => reject(new Error("the connection broke"));
      this.send(text, (status, body) => resolve({ status, body }));
    });
  }

  close() {
    this.#onAnswer = undefined;
    this.#socket.destroy();
  }

  #broken() {
    if (this.#onAnswer === undefined) return;
    this.#onAnswer = undefined;
    this.onBroken();
  }

  #read(chunk) {
    this.#text = this.#text === "" ? chunk.latin1Slice() : this.#text + chunk.latin1Slice();
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const end = this.#endOfBody(head + 4);
    if (end < 0) return;
    const text = this.#text;
    const onAnswer = this.#onAnswer;
    this.#text = "";
    this.#onAnswer = undefined;
    onAnswer(Number(text.slice(9, 12)), text.slice(head + 4, end));
  }

  /** -1 if it is not there yet. */
  #endOfBody(start) {
    const text = this.#text;
    const length = /^content-length: (\d+)/im.exec(text.length > 2_048 ? text.slice(0, start) : text)?.[1];
    if (length !== undefined) return text.length < start + Number(length) ? -1 : start + Number(length);
    if (text.startsWith("HTTP/1.1 204")) return start;
    return text.endsWith("0\r\n\r\n") ? text.length : -1;
  }
}

/**
 * @param tls `cert`, `key` and `ca` of a client; `undefined`: plain TCP
 * @returns an open connection
 */
export function openWire(port, tls) {
  return new Promise((resolve, reject) => {
    const to = { host: "127.0.0.1", port };
    const socket = tls === undefined ? connectTcp(to) : connectTls({ ...to, ...tls, servername: "localhost" });
    socket.setNoDelay(true);
    socket.once("error", reject);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      socket.off("error", reject);
      resolve(new Wire(socket));
    });
  });
}
