/** Why a TLS connection came to nothing, in few words, so that a client cannot invent new ones. */
export type TlsRejection =
  | { readonly stage: "handshake"; readonly reason: HandshakeFailure }
  | { readonly stage: "certificate"; readonly reason: CertificateTrouble };

/**
 * - `closed`: the client left, be it that it does not trust the server's certificate or that it only looked at the port
 * - `client_refused`: the client said why it left, most often that it does not trust the server's certificate
 */
export const handshakeFailures = [
  "closed",
  "client_refused",
  "timeout",
  "not_tls",
  "old_version",
  "nothing_in_common",
  "other",
] as const;

export type HandshakeFailure = (typeof handshakeFailures)[number];

/** Why a certificate does not verify. The gate answers such a client with 401. */
export const certificateTroubles = [
  "expired",
  "not_yet_valid",
  "unknown_ca",
  "wrong_purpose",
  "bad_signature",
  "other",
] as const;

export type CertificateTrouble = (typeof certificateTroubles)[number];

const failures: Readonly<Record<string, HandshakeFailure>> = {
  ECONNRESET: "closed",
  EPIPE: "closed",
  ERR_TLS_HANDSHAKE_TIMEOUT: "timeout",
  ERR_SSL_HTTP_REQUEST: "not_tls",
  ERR_SSL_WRONG_VERSION_NUMBER: "not_tls",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "old_version",
  ERR_SSL_NO_SHARED_CIPHER: "nothing_in_common",
  ERR_SSL_NO_SUITABLE_KEY_SHARE: "nothing_in_common",
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: "nothing_in_common",
  ERR_SSL_NO_APPLICATION_PROTOCOL: "nothing_in_common",
};

const troubles: Readonly<Record<string, CertificateTrouble>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not_yet_valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown_ca",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown_ca",
  UNABLE_TO_GET_ISSUER_CERT: "unknown_ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown_ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown_ca",
  CERT_UNTRUSTED: "unknown_ca",
  INVALID_PURPOSE: "wrong_purpose",
  CERT_SIGNATURE_FAILURE: "bad_signature",
};

/** @param error of Node's `tlsClientError` */
export function handshakeRejection(error: Error & { readonly code?: string }): TlsRejection {
  const { code = "" } = error;
  // TLSV1_ALERT_UNKNOWN_CA and some twenty others, each of them the client's own word.
  const reason = code.includes("_ALERT_") ? "client_refused" : (failures[code] ?? "other");
  return { stage: "handshake", reason };
}

/** @param verifyError OpenSSL's name of it, as `PeerCert` has it */
export function certificateRejection(verifyError: string): TlsRejection {
  return { stage: "certificate", reason: troubles[verifyError] ?? "other" };
}
