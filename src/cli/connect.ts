import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { settingFlag, settingVariable } from "../config/setting.js";
import type { ClientConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import { developmentCredentials } from "../pki/development.js";

/** Where the caller's certificates are, as absolute paths. */
export interface CredentialFiles {
  /** Absent: the authorities that Node.js trusts. */
  readonly ca: string | undefined;
  readonly cert: string;
  readonly key: string;
}

/** What is in them, all PEM. */
export interface Credentials {
  readonly ca?: string;
  readonly cert: string;
  readonly key: string;
}

export interface Connection {
  readonly transport: Transport;
  /** Closes the sockets, also those in use. */
  close(): void;
}

/**
 * The configured files; with none of the three, the development certificates of this role where there are any.
 *
 * @throws UsageError if there is no certificate
 */
export function credentialFiles(
  { ca, cert, key, stateDir }: Pick<ClientConfig, "ca" | "cert" | "key" | "stateDir">,
  role: "agent" | "operator",
): CredentialFiles {
  if (cert !== undefined && key !== undefined) return { ca, cert, key };
  const development = ca === undefined ? developmentCredentials(stateDir, role) : undefined;
  if (development !== undefined) return development;
  throw new UsageError(
    `${settingFlag("cert")} is missing: servers know their callers by their certificates`,
    `Pass ${settingFlag("cert")} and ${settingFlag("key")}, or set ${settingVariable("cert")} and ${settingVariable("key")}.`,
  );
}

/**
 * Reads and checks them, so that a wrong file is named here and does not look like a server that hangs up.
 *
 * @throws UsageError naming the file and what is wrong with it
 */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const [ca, cert, key] = await Promise.all([
    files.ca === undefined ? undefined : readPem("ca", files.ca),
    readPem("cert", files.cert),
    readPem("key", files.key),
  ]);
  if (ca !== undefined) parse("ca", files.ca, "a certificate", () => new X509Certificate(ca));
  const certificate = parse("cert", files.cert, "a certificate", () => new X509Certificate(cert));
  const privateKey: KeyObject = parse("key", files.key, "a private key without a passphrase", () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UsageError(`${settingFlag("key")}: ${files.key} is not the key of ${files.cert}`);
  }
  return { ...(ca === undefined ? {} : { ca }), cert, key };
}

/**
 * A way to the server for operators' calls. It connects with the first call; each call has the configured timeout. Over
 * HTTP/1.1: commands make one call after the other, and whatever stands between understands it.
 *
 * @param format of the messages: binary is smaller and quicker for who lists thousands
 * @throws UsageError for certificates that cannot be used
 */
export async function connect(config: ClientConfig, format: "json" | "binary" = "json"): Promise<Connection> {
  const agent = new Agent({ ...(await readCredentials(credentialFiles(config, "operator"))), keepAlive: true });
  return {
    transport: createConnectTransport({
      httpVersion: "1.1",
      baseUrl: config.server.replace(/\/+$/, ""),
      defaultTimeoutMs: config.timeout,
      useBinaryFormat: format === "binary",
      nodeOptions: { agent },
    }),
    close: () => agent.destroy(),
  };
}

/** The Common Name of the operator's certificate; `undefined` if it does not have exactly one. @throws UsageError */
export async function ownName(config: ClientConfig): Promise<string | undefined> {
  const { cert } = await readCredentials(credentialFiles(config, "operator"));
  const name: unknown = new X509Certificate(cert).toLegacyObject().subject?.CN;
  return typeof name === "string" ? name : undefined;
}

async function readPem(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${settingFlag(name)}: cannot be read: ${reason}`, undefined, { cause });
  }
}

function parse<T>(name: string, path: string | undefined, what: string, read: () => T): T {
  try {
    return read();
  } catch {
    // The cause may quote the file, which may be a key; so it stays out.
    throw new UsageError(`${settingFlag(name)}: ${path} does not hold ${what} in PEM`);
  }
}
