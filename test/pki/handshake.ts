import { once } from "node:events";
import { connect, createServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { Issued } from "../../src/pki/issue.js";

/** What each side thought of the other's certificate. */
export interface Verdict {
  readonly serverAccepted: boolean;
  readonly serverReason: string | undefined;
  readonly clientReason: string | undefined;
  /** As Node.js reads it: several Common Names come as an array. */
  readonly commonName: unknown;
}

export interface Handshake {
  readonly server: Issued;
  readonly client?: Issued;
  /** PEM of the authorities that both sides trust. */
  readonly ca: string;
  /** The name that the client asks for. */
  readonly servername?: string;
}

/** One real TLS 1.3 handshake over a socket, in which either side tells rather than hangs up. */
export async function shakeHands({ server, client, ca, servername = "localhost" }: Handshake): Promise<Verdict> {
  const options: TlsOptions = {
    ...pems(server),
    ca,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  };
  const listener = createServer(options);
  const accepted = once(listener, "secureConnection");
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const own = client === undefined ? {} : pems(client);
  const caller = connect({ host: "127.0.0.1", port, servername, ca, rejectUnauthorized: false, ...own });
  const [[peer]] = await Promise.all([accepted, once(caller, "secureConnect")]);
  const verdict = judge(peer, caller);
  caller.destroy();
  peer.destroy();
  listener.close();
  await once(listener, "close");
  return verdict;
}

function judge(peer: TLSSocket, caller: TLSSocket): Verdict {
  return {
    serverAccepted: peer.authorized,
    serverReason: reason(peer.authorizationError),
    clientReason: reason(caller.authorizationError),
    commonName: peer.getPeerCertificate().subject?.CN,
  };
}

function reason(error: unknown): string | undefined {
  if (error === null || error === undefined) return undefined;
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

function pems({ certPem, keyPem }: Issued) {
  return { cert: certPem, key: keyPem };
}
