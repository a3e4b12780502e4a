import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  readonly url: string;
  /** The next thing that the server says is lost, and its connection with it. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

/** Passes TCP along to a port of this machine. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  let loses = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.once("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(server);
    server.on("data", (chunk) => {
      if (!loses) client.write(chunk);
      else {
        loses = false;
        client.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `https://127.0.0.1:${address.port}`,
    loseNextAnswer: () => {
      loses = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
