import type { Http2Session } from "node:http2";
import { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Proof } from "../dispatch/delivery.js";
import type { PeerCert } from "../identity/peer-cert.js";
import type { NodeRequest } from "./node.js";

const key = Symbol("connection");

declare module "node:net" {
  interface Socket {
    [key]?: Connection;
  }
}

/** What a connection tells the exchanges on it. */
export interface ConnectionUser {
  connectionClosed(): void;
  /** HTTP/1.1: another request has come behind it. */
  nextRequestArrived(): void;
}

const none: readonly ConnectionUser[] = [];

type OnReceipt = (proof: Proof) => void;

/** One open connection and whose it is. */
export class Connection {
  /**
   * The exchanges that have not ended. A list that is made anew by each, since most connections have one at a time and none has
   * many, while a list that grows makes room for seventeen.
   */
  users: readonly ConnectionUser[] = none;
  /** The client's IP address. Read at the start: a socket that has closed does not know it any more. */
  readonly address: string;
  /** Who wants to know whether an answer that was flushed has been received. */
  #unproven: OnReceipt[] | undefined = undefined;
  #isPinging = false;

  constructor(
    readonly socket: TLSSocket,
    /** `undefined` if the client sent no certificate. Judged anew when the CAs are replaced. */
    public cert: PeerCert | undefined,
    readonly owner: Pick<Connections, "remove" | "exchangeBegan" | "exchangeEnded">,
  ) {
    this.address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  }

  /**
   * On HTTP/1.1 the next request proves that the answers before it have arrived: agents send it once they have read them.
   * A client that sends ahead of the answers (pipelining) has sent it before they were written, so it proves none of them.
   */
  requestArrived(): void {
    for (const user of this.users) user.nextRequestArrived();
    this.#prove("the next request on the connection");
  }

  /** An answer has just been flushed. Calls back once its receipt is proven, or never. */
  onReceipt(session: Http2Session | undefined, callback: OnReceipt): void {
    if (this.#unproven === undefined) this.#unproven = [callback];
    else this.#unproven.push(callback);
    if (session !== undefined) this.#ping(session);
  }

  /** One PING at a time: what is flushed while it is under way is for the next. */
  #ping(session: Http2Session): void {
    if (this.#isPinging || session.destroyed) return;
    this.#isPinging = true;
    const asked = this.#unproven ?? [];
    this.#unproven = undefined;
    session.ping((error) => {
      this.#isPinging = false;
      if (error !== null) return;
      for (const callback of asked) callback("a PING answered after it");
      if (this.#unproven !== undefined) this.#ping(session);
    });
  }

  #prove(proof: Proof): void {
    const proven = this.#unproven;
    if (proven === undefined) return;
    this.#unproven = undefined;
    for (const callback of proven) callback(proof);
  }
}

/**
 * Every open connection of the API's port. Node's own list does not cover a port that speaks both HTTP/1.1 and HTTP/2,
 * and revocation needs to find the connections of one certificate.
 */
export class Connections {
  /** By TCP, those included whose TLS handshake is not over. */
  readonly #sockets = new Set<Socket>();
  readonly #all = new Set<Connection>();
  /** One for all of them, which Node calls on the socket. */
  readonly #onSocketClose: (this: Socket) => void;
  #draining = false;
  #tellEmpty: () => void = () => undefined;

  constructor() {
    const sockets = this.#sockets;
    this.#onSocketClose = function () {
      sockets.delete(this);
    };
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** A TCP connection, at whose handshake it may still be cut. */
  accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", this.#onSocketClose);
  }

  add(socket: TLSSocket, cert: PeerCert | undefined): Connection {
    // Its handshake outlasted the start of the drain. Node's own listeners come after this one and expect a live socket.
    if (this.#draining) process.nextTick(() => socket.destroy());
    const connection = new Connection(socket, cert, this);
    // On the socket itself rather than in a Map: HTTP/2 shows its requests a proxy of the socket, never the same object.
    socket[key] = connection;
    this.#all.add(connection);
    socket.on("close", onConnectionClose);
    return connection;
  }

  /** Told by a connection that has closed. */
  remove(connection: Connection): void {
    this.#all.delete(connection);
    for (const user of connection.users) user.connectionClosed();
    if (this.#all.size === 0) this.#tellEmpty();
  }

  exchangeBegan(connection: Connection, user: ConnectionUser): void {
    connection.users = connection.users.length === 0 ? [user] : [...connection.users, user];
  }

  exchangeEnded(connection: Connection, user: ConnectionUser): void {
    const { users } = connection;
    connection.users = users.length === 1 && users[0] === user ? none : users.filter((other) => other !== user);
    if (this.#draining) endIfIdle(connection);
  }

  /**
   * Ends the idle connections now and each other one when its last answer is out. Those of HTTP/2 end by their sessions,
   * and a moment later if their clients do not: a stream has closed before its last frames are on the socket, so ending
   * that at once would cut off gRPC's trailers.
   */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#all) endIfIdle(connection);
  }

  /** Resolves once the last connection has closed and its exchanges know of it, which is later than the server's own end. */
  async empty(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#tellEmpty = resolve;
    });
  }

  /** Cuts the connections whose certificate does not hold any more. @returns how many those were */
  destroyIf(isRefused: (cert: PeerCert) => boolean): number {
    const refused = [...this.#all].filter(({ cert }) => cert !== undefined && isRefused(cert));
    for (const { socket } of refused) socket.destroy();
    return refused.length;
  }

  /** After the CAs have been replaced. */
  judgeAnew(read: (socket: TLSSocket, cert: PeerCert) => PeerCert): void {
    for (const connection of this.#all) {
      if (connection.cert !== undefined) connection.cert = read(connection.socket, connection.cert);
    }
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function onConnectionClose(this: Socket): void {
  const connection = this[key];
  connection?.owner.remove(connection);
}

/** How long an HTTP/2 client may take to close its end once its last answer is out. */
const http2GraceMs = 1_000;

/** What is written still goes out; the client's own end is not waited for (for long), since it may have vanished. */
function endIfIdle(connection: Connection): void {
  const { socket } = connection;
  if (connection.users.length > 0) return;
  if (socket.alpnProtocol !== "h2") socket.destroySoon();
  // Its session sends the last frames of the last stream after that has closed.
  else setTimeout(() => connection.users.length === 0 && socket.destroySoon(), http2GraceMs).unref();
}

/** `undefined` if the connection has gone before its request was looked at. */
export function connectionOf(request: NodeRequest): Connection | undefined {
  const socket: unknown = "stream" in request ? request.stream.session?.socket : request.socket;
  return socket instanceof Socket ? socket[key] : undefined;
}
