import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { formatSpan } from "../../words/elapsed.js";
import type { Credentials } from "../connect.js";
import { systemCode } from "../exit.js";
import { hintOfSystemCode, messageOf } from "../output.js";
import { judgeDates } from "./certificate.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** What a TLS connection to the server came to, whatever its certificate is worth. */
export interface Handshake {
  readonly protocol: string;
  readonly alpn: string;
  readonly address: string;
  readonly ms: number;
  readonly certificate: X509Certificate | undefined;
  /** Why the certificate does not verify: a code of OpenSSL or Node.js. */
  readonly verifyError: string | undefined;
}

export interface HandshakeOptions {
  readonly server: URL;
  readonly credentials: Credentials;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Connects once, looks, and hangs up. @throws the system's error, or the signal's reason */
export async function shakeHands({ server, credentials, timeoutMs, signal }: HandshakeOptions): Promise<Handshake> {
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const startedMs = performance.now();
  const socket = connect({
    ...credentials,
    host,
    port: Number(server.port || 443),
    ...(isIP(host) === 0 && { servername: host }),
    ALPNProtocols: ["h2", "http/1.1"],
    // A certificate that does not verify is to be looked at as well.
    rejectUnauthorized: false,
  });
  try {
    await untilSecure(socket, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    return seenOn(socket, performance.now() - startedMs);
  } finally {
    socket.destroy();
  }
}

async function untilSecure(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed before the handshake was over")));
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function seenOn(socket: TLSSocket, ms: number): Handshake {
  return {
    protocol: socket.getProtocol() ?? "unknown",
    alpn: socket.alpnProtocol || "none",
    address: socket.remoteAddress ?? "unknown",
    ms,
    certificate: socket.getPeerX509Certificate(),
    verifyError: socket.authorized ? undefined : String(socket.authorizationError),
  };
}

export function judgeConnection({ protocol, alpn, address, ms }: Handshake): Finding {
  const detail = `${protocol} and ${alpn} with ${address} in ${formatSpan(ms)}`;
  if (alpn === "h2") return ok(detail);
  return warn(detail, "Something between speaks for the server, or keeps HTTP/2 away: gRPC will not work here.");
}

export function judgeFailedConnection(thrown: unknown): Finding {
  const isTimeout = thrown instanceof Error && thrown.name === "TimeoutError";
  const detail = isTimeout ? "no TLS connection came about in time" : messageOf(thrown);
  const hint = hintOfSystemCode[systemCode(thrown) ?? ""];
  return fail(detail, hint ?? "Look at --server, at the server's --listen, and at firewalls between.");
}

export function judgeServerCertificate({ certificate, verifyError }: Handshake, server: URL, nowMs: number): Finding {
  if (certificate === undefined) return fail("the server shows no certificate");
  const names = (certificate.subjectAltName ?? "").replaceAll("DNS:", "").replaceAll("IP Address:", "") || "nobody";
  const dates = judgeDates(certificate, `the server's certificate (for ${names})`, nowMs);
  // OpenSSL says that it has expired too, and not when.
  if (dates.status === "fail") return dates;
  if (verifyError === undefined) return dates;
  const why = verifyError === "ERR_TLS_CERT_ALTNAME_INVALID" ? `is not for ${server.hostname}` : verifyError;
  const hint = hintOfSystemCode[verifyError] ?? "Check --ca: it must hold the CA that issued it.";
  return fail(`the server's certificate (for ${names}) does not verify: ${why}`, hint);
}
