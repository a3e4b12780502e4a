import { TLSSocket } from "node:tls";
import type { PeerCert } from "../identity/peer-cert.js";
import type { NodeRequest } from "./node.js";

const key = Symbol("connection");

declare module "node:tls" {
  interface TLSSocket {
    [key]?: Connection;
  }
}

/** What a connection tells the exchanges on it. */
export interface ConnectionUser {
  connectionClosed(): void;
}

/** One open connection and whose it is. */
export class Connection {
  /** The exchanges that have not ended. */
  readonly users = new Set<ConnectionUser>();

  constructor(
    readonly socket: TLSSocket,
    /** `undefined` if the client sent no certificate. */
    readonly cert: PeerCert | undefined,
  ) {}
}

/**
 * Every open connection of the API's port. Node's own list does not cover a port that speaks both HTTP/1.1 and HTTP/2,
 * and revocation needs to find the connections of one certificate.
 */
export class Connections {
  readonly #all = new Set<Connection>();
  #draining = false;

  get size(): number {
    return this.#all.size;
  }

  add(socket: TLSSocket, cert: PeerCert | undefined): void {
    const connection = new Connection(socket, cert);
    // On the socket itself rather than in a Map: HTTP/2 shows its requests a proxy of the socket, never the same object.
    socket[key] = connection;
    this.#all.add(connection);
    socket.once("close", () => {
      this.#all.delete(connection);
      for (const user of connection.users) user.connectionClosed();
    });
  }

  exchangeEnded(connection: Connection, user: ConnectionUser): void {
    connection.users.delete(user);
    if (this.#draining && connection.users.size === 0) connection.socket.end();
  }

  /** Ends the idle connections now and each other one when its last answer is out. */
  drain(): void {
    this.#draining = true;
    for (const { users, socket } of this.#all) if (users.size === 0) socket.end();
  }

  /** Cuts the connections whose certificate does not hold any more. @returns how many those were */
  destroyIf(isRefused: (cert: PeerCert) => boolean): number {
    const refused = [...this.#all].filter(({ cert }) => cert !== undefined && isRefused(cert));
    for (const { socket } of refused) socket.destroy();
    return refused.length;
  }

  destroyAll(): void {
    for (const { socket } of this.#all) socket.destroy();
  }
}

/** `undefined` if the connection has gone before its request was looked at. */
export function connectionOf(request: NodeRequest): Connection | undefined {
  const socket: unknown = "stream" in request ? request.stream.session?.socket : request.socket;
  return socket instanceof TLSSocket ? socket[key] : undefined;
}
