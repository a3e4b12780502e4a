import type { Connection, ConnectionUser } from "../connections.js";
import { limits } from "../limits.js";
import { type BegunPost, DirectRequest } from "./request.js";

/** A POST whose body comes in several pieces, of which not all are there. A drain does not cut its connection. */
export class UnfinishedPost implements ConnectionUser {
  readonly #begun: BegunPost;
  readonly #connection: Connection;
  readonly #pieces: Buffer[];
  readonly #timer: NodeJS.Timeout;
  #missingBytes: number;

  /**
   * @param piece the first of it, from the head on
   * @param onLate told if it is not there after `limits.directBodyMs`
   */
  constructor(begun: BegunPost, piece: Buffer, connection: Connection, onLate: (late: UnfinishedPost) => void) {
    this.#begun = begun;
    this.#connection = connection;
    this.#pieces = [piece];
    this.#missingBytes = begun.missingBytes;
    this.#timer = setTimeout(onLate, limits.directBodyMs, this).unref();
    connection.owner.exchangeBegan(connection, this);
  }

  /** Below zero if more has come than its body. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#missingBytes -= piece.length;
  }

  /** All that has come, from the head on. */
  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Once nothing is missing. */
  get whole(): DirectRequest {
    return new DirectRequest(this.#begun, this.bytes.subarray(this.#begun.head.length));
  }

  /** It is somebody else's from now on. */
  end(): void {
    clearTimeout(this.#timer);
    this.#connection.owner.exchangeEnded(this.#connection, this);
  }

  connectionClosed(): void {
    clearTimeout(this.#timer);
  }

  nextRequestArrived(): void {
    // It is one itself, and has no answer yet.
  }
}
