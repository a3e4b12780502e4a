import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import type { Issued } from "../../../src/pki/issue.js";
import { connectRaw } from "./client.js";
import type { TestPki } from "./pki.js";
import type { TestServer } from "./server.js";

/** Has had an answer, keeps its connection, and neither reads nor closes: it never sees the server's end of it. */
export async function idleForEver(server: TestServer, pki: TestPki, identity: Issued): Promise<TLSSocket> {
  const { tls } = await connectRaw(server, pki, identity);
  tls.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(tls, "data");
  tls.pause();
  return tls;
}

/** An enqueue that the server has let in, as its answer to `Expect` proves, and that has sent nothing of its body yet. */
export async function beginEnqueue(
  server: TestServer,
  pki: TestPki,
  contentLength: number,
  identity: Issued = pki.operator,
): Promise<{ readonly tls: TLSSocket }> {
  const { tls } = await connectRaw(server, pki, identity);
  const headers = ["Host: localhost", "Content-Type: application/json", "Expect: 100-continue"];
  tls.write(`POST /v1/dispatches HTTP/1.1\r\n${headers.join("\r\n")}\r\nContent-Length: ${contentLength}\r\n\r\n`);
  const [interim] = await once(tls, "data");
  if (!String(interim).startsWith("HTTP/1.1 100 ")) throw new Error(`not let in: ${interim}`);
  tls.pause();
  return { tls };
}
