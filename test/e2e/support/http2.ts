import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Issued } from "../../../src/pki/issue.js";
import { dispatchPath } from "./client.js";
import type { TestPki } from "./pki.js";
import type { TestServer } from "./server.js";

/** One HTTP/2 connection of a client that is not ours: node:http2. The server's settings are yet to come. */
export async function connectHttp2(server: TestServer, pki: TestPki, identity: Issued): Promise<ClientHttp2Session> {
  const { certPem: cert, keyPem: key } = identity;
  const session = connect(server.url, { ca: pki.ca.certPem, cert, key });
  await once(session, "connect");
  // What the server does to a connection is for the test to look at.
  session.on("error", () => undefined);
  return session;
}

export type Http2Headers = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** @returns the head of the answer, once the whole of it has come */
export async function askHttp2(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<Http2Headers> {
  const stream = session.request(headers);
  const head = once(stream, "response");
  stream.resume();
  const [[response]] = await Promise.all([head, once(stream, "end")]);
  return response;
}

export function pollHttp2(session: ClientHttp2Session, query = "?wait=60"): Promise<Http2Headers> {
  return askHttp2(session, { ":path": `${dispatchPath}${query}` });
}
