import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What a TLS connection says of its client, read once per connection and judged anew on every request. */
export interface PeerCert {
  /** Why the certificate does not verify against the CAs that this server trusts; `undefined` if it does. */
  readonly verifyError: string | undefined;
  /** Every Common Name of the subject, raw: none, one or several, with whatever characters the issuer let in. */
  readonly commonNames: readonly string[];
  /** OIDs of the extended key usage; empty if the certificate has none. */
  readonly extendedKeyUsage: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whose CA signed it, directly or through intermediates that the client sent. */
  readonly issuedUnder: "operatorCa" | "clientCa" | "neither";
}

/** What a server trusts, for telling one from the other. */
export interface TrustedCas {
  readonly clientCas: readonly X509Certificate[];
  /** Empty if operators are told by their Common Names. */
  readonly operatorCas: readonly X509Certificate[];
}

/** The only reader of TLS sockets. `undefined` if the client sent no certificate. */
export function readPeerCert(socket: TLSSocket, cas: TrustedCas): PeerCert | undefined {
  const peer: DetailedPeerCertificate = socket.getPeerCertificate(true);
  // Without a certificate Node gives an empty object; a resumed session may even call that authorized.
  if (peer?.raw === undefined) return undefined;
  return {
    verifyError: socket.authorized ? undefined : String(socket.authorizationError ?? "not verified"),
    commonNames: commonNamesOf(peer),
    extendedKeyUsage: peer.ext_key_usage ?? [],
    notBeforeMs: Date.parse(peer.valid_from),
    notAfterMs: Date.parse(peer.valid_to),
    issuedUnder: socket.authorized ? issuedUnder(peer, cas) : "neither",
  };
}

/**
 * The same connection's certificate under CAs that have been replaced since its handshake. OpenSSL checked the chain then;
 * what may have changed is only whether it still leads to a CA that is trusted.
 */
export function readAgain(socket: TLSSocket, cert: PeerCert, cas: TrustedCas): PeerCert {
  if (cert.verifyError !== undefined) return cert;
  const chain = chainOf(socket.getPeerCertificate(true));
  if (!isUnder(chain, [...cas.clientCas, ...cas.operatorCas])) {
    return { ...cert, verifyError: "its CA is not trusted any more", issuedUnder: "neither" };
  }
  return { ...cert, issuedUnder: issuedUnderOf(chain, cas) };
}

function issuedUnder(peer: DetailedPeerCertificate, cas: TrustedCas): PeerCert["issuedUnder"] {
  // Without a CA of the operators' own, that it verifies has said all there is to say.
  return cas.operatorCas.length === 0 ? "clientCa" : issuedUnderOf(chainOf(peer), cas);
}

function issuedUnderOf(
  chain: readonly X509Certificate[],
  { clientCas, operatorCas }: TrustedCas,
): PeerCert["issuedUnder"] {
  if (operatorCas.length === 0) return "clientCa";
  if (isUnder(chain, operatorCas)) return "operatorCa";
  return isUnder(chain, clientCas) ? "clientCa" : "neither";
}

function commonNamesOf(peer: DetailedPeerCertificate): string[] {
  // Typed as one string, but two CNs arrive as an array and none as undefined.
  const cn: string | string[] | undefined = peer.subject?.CN;
  return cn === undefined ? [] : [cn].flat();
}

function chainOf(peer: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let cert = peer; cert?.raw !== undefined; cert = cert.issuerCertificate) {
    chain.push(new X509Certificate(cert.raw));
    if (cert.issuerCertificate === cert) break;
  }
  return chain;
}

/**
 * Follows signatures, not names: the chain that a client sends may contain anything, such as a copy of the (public)
 * certificate of the operators' CA behind a certificate that this CA never signed. Nor is it the path that was verified:
 * of two intermediates with one name Node lists the first, be it a decoy, where OpenSSL tries the next. A chain that
 * leads nowhere therefore says nothing of whose the certificate is.
 */
function isUnder(chain: readonly X509Certificate[], cas: readonly X509Certificate[]): boolean {
  for (const [i, cert] of chain.entries()) {
    if (cas.some((ca) => isSignedBy(cert, ca))) return true;
    const issuer = chain[i + 1];
    if (issuer === undefined || !issuer.ca || !isSignedBy(cert, issuer)) return false;
  }
  return false;
}

function isSignedBy(cert: X509Certificate, issuer: X509Certificate): boolean {
  return cert.checkIssued(issuer) && cert.verify(issuer.publicKey);
}
