import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A TCP proxy that cuts connections on which nothing has been said for a while, as many in the field do. */
export async function startIdleCutter(target: { readonly port: number }, idleMs: number) {
  const server = createServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port: target.port });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.setTimeout(idleMs, () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return { port: address.port, close: () => server.close() };
}
