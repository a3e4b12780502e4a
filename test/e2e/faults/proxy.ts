import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll } from "vitest";

/** What goes from the agent to the server, or back. */
type Direction = "up" | "down";

/** A TCP proxy that can become a black hole: connections stay open, and what goes in comes out nowhere. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #swallowing = new Set<Direction>();
  /** What each connection began with. */
  readonly #beginnings = new Map<Socket, string>();
  readonly #lost = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    proxies.add(this);
  }

  static async start(target: { readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(createServer({ allowHalfOpen: true }));
    proxy.#server.on("connection", (agentSide) => {
      const serverSide = connect({ host: "127.0.0.1", port: target.port, allowHalfOpen: true });
      agentSide.once("data", (bytes) => proxy.#beginnings.set(agentSide, bytes.toString("latin1")));
      const isSwallowed = () => proxy.#lost.has(agentSide);
      proxy.#forward("up", { from: agentSide, to: serverSide, isSwallowed });
      proxy.#forward("down", { from: serverSide, to: agentSide, isSwallowed });
    });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    return address.port;
  }

  /** From now on nothing comes through: no byte, no end, no error. Default: both ways. */
  swallow(...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? (["up", "down"] as const) : directions) {
      this.#swallowing.add(direction);
    }
  }

  /** New connections get through again; those that are open stay lost. */
  recover(): void {
    this.#swallowing.clear();
    for (const socket of this.#beginnings.keys()) this.#lost.add(socket);
  }

  /** The same for connections that are open and have begun with this, and for no others. */
  swallowThoseWith(beginning: string): void {
    const open = [...this.#beginnings].filter(([, begun]) => begun.includes(beginning));
    if (open.length === 0) throw new Error(`no connection has begun with ${beginning}`);
    for (const [socket] of open) this.#lost.add(socket);
  }

  close(): void {
    proxies.delete(this);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(direction: Direction, { from, to, isSwallowed }: Pair): void {
    this.#sockets.add(from);
    const unlessSwallowed = (pass: () => void) => this.#swallowing.has(direction) || isSwallowed() || pass();
    from.on("data", (bytes) => unlessSwallowed(() => to.write(bytes)));
    from.on("end", () => unlessSwallowed(() => to.end()));
    from.on("error", () => unlessSwallowed(() => to.destroy()));
    from.on("close", () => this.#sockets.delete(from));
  }
}

interface Pair {
  readonly from: Socket;
  readonly to: Socket;
  readonly isSwallowed: () => boolean;
}

const proxies = new Set<TcpProxy>();

afterAll(() => {
  for (const proxy of proxies) proxy.close();
});
