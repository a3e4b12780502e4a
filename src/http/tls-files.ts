import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Log } from "../dispatch/ports.js";
import { certificatesIn, type TlsTexts } from "./pem.js";

export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
  readonly operatorCa: string | undefined;
}

/**
 * Reads the PEM files and makes sure that they can work together, so that a mistake shows at the start and not at the
 * first handshake.
 *
 * @throws Error that names the file, the trouble and the way out
 */
export function loadTlsFiles(paths: TlsPaths, log: Log, nowMs: number): TlsTexts {
  const cert = readText(paths.cert);
  const [leaf] = parseCertificates(cert, paths.cert);
  const key = readText(paths.key);
  assertMatch(leaf, parseKey(key, paths.key), paths);
  warnAboutDates(leaf, paths.cert, log, nowMs);
  warnAboutMode(paths.key, log);
  return { cert, key, ...loadCas(paths) };
}

function loadCas({ clientCa, operatorCa }: TlsPaths): Pick<TlsTexts, "clientCa" | "operatorCa"> {
  const clients = loadCa(clientCa);
  const operators = loadCa(operatorCa);
  const known = new Set(clients?.certificates.map((certificate) => certificate.fingerprint256));
  if (operators?.certificates.some((certificate) => known.has(certificate.fingerprint256))) {
    throw new Error(
      `${operatorCa} and ${clientCa} have a CA in common, which would make an operator of every agent. Give operators a CA of their own, or leave out --operator-ca.`,
    );
  }
  return { clientCa: clients?.text, operatorCa: operators?.text };
}

function loadCa(path: string | undefined): { text: string; certificates: X509Certificate[] } | undefined {
  if (path === undefined) return undefined;
  const text = readText(path);
  return { text, certificates: parseCertificates(text, path) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function parseCertificates(text: string, path: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...rest] = certificatesIn(text);
    if (first === undefined) throw new Error("there is no BEGIN CERTIFICATE block in it");
    return [first, ...rest];
  } catch (error) {
    throw new Error(`${path} is not a certificate in PEM: ${messageOf(error)}`, { cause: error });
  }
}

function parseKey(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // The cause may quote the file, so it stays out.
    throw new Error(`${path} is not a private key in PEM, or it is encrypted; it must be a plain one with mode 0600`);
  }
}

function assertMatch(leaf: X509Certificate, key: KeyObject, { cert, key: keyPath }: TlsPaths): void {
  if (leaf.checkPrivateKey(key)) return;
  throw new Error(`${keyPath} is not the key of ${cert}. Name the pair that was made together.`);
}

function warnAboutDates(leaf: X509Certificate, path: string, log: Log, nowMs: number): void {
  const notAfter = leaf.validTo;
  if (nowMs > Date.parse(notAfter)) log.warn({ path, notAfter }, "the server's certificate has expired");
  const notBefore = leaf.validFrom;
  if (nowMs < Date.parse(notBefore)) log.warn({ path, notBefore }, "the server's certificate is not valid yet");
}

function warnAboutMode(path: string, log: Log): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  log.warn({ path, mode: mode.toString(8) }, "others on this machine can read the private key; chmod 600 it");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
