import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A way to a server that can stop passing on what the server sends, without a word to either end: for the server, a peer
 * whose machine has stopped reads as little as one behind this.
 */
export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #isStopped = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(port: number): Promise<Relay> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    const relay = new Relay(server, address.port);
    server.on("connection", (client) => relay.#carry(client, connect(port, "127.0.0.1")));
    return relay;
  }

  /** From now on nothing of what the server sends comes out here. */
  stopAnswers(): void {
    this.#isStopped = true;
  }

  /** Passes on what was held back, and everything after it. */
  resumeAnswers(): void {
    this.#isStopped = false;
    for (const socket of this.#sockets) socket.emit("resumed");
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #carry(client: Socket, server: Socket): void {
    this.#sockets.push(client, server);
    for (const socket of [client, server]) socket.on("error", () => undefined);
    const held: Buffer[] = [];
    const pass = () => {
      for (const bytes of held.splice(0)) client.write(bytes);
    };
    client.pipe(server);
    server.on("data", (bytes) => {
      held.push(bytes);
      if (!this.#isStopped) pass();
    });
    server.on("resumed", pass);
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
  }
}
