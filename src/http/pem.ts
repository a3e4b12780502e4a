import { X509Certificate } from "node:crypto";

/** What the listener serves TLS with, as PEM texts. */
export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  /** Agents' CA, and operators' too unless those have their own. Without it every call is answered with 401. */
  readonly clientCa: string | undefined;
  readonly operatorCa: string | undefined;
}

/** @throws Error if a block is not a certificate */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
