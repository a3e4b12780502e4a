import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What stands in front of several servers: hands each connection to the next of them that takes it. Knows nothing of TLS. */
export class LoadBalancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #ports: readonly number[];
  #next = 0;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#serve(client));
  }

  static async start(ports: readonly number[]): Promise<LoadBalancer> {
    const balancer = new LoadBalancer(ports);
    balancer.#server.listen(0, "127.0.0.1");
    await once(balancer.#server, "listening");
    return balancer;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    return address.port;
  }

  /** As an operator does before a restart, or after a health check has failed. */
  use(ports: readonly number[]): void {
    this.#ports = ports;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    this.#keep(client);
    void this.#connect(client);
  }

  async #connect(client: Socket): Promise<void> {
    for (let tries = this.#ports.length; tries > 0; tries -= 1) {
      this.#next += 1;
      const port = this.#ports[this.#next % this.#ports.length] ?? 0;
      const server = this.#keep(connect({ host: "127.0.0.1", port, allowHalfOpen: true }));
      if (!(await isConnected(server))) continue;
      join(client, server);
      return;
    }
    client.destroy();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    return socket.once("close", () => this.#sockets.delete(socket));
  }
}

function isConnected(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
}

function join(client: Socket, server: Socket): void {
  client.pipe(server);
  server.pipe(client);
  client.once("close", () => server.destroy());
  server.once("close", () => client.destroy());
}
