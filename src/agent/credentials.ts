import { AgentError } from "./errors.js";

/** PEM text, or what gives it. A function is asked again at each reconnect, so that a replaced file is picked up. */
export type PemSource = string | Buffer | (() => string | Buffer | Promise<string | Buffer>);

export interface CredentialSources {
  /** The authorities that the server's certificate may come from. Default: those that Node.js trusts. */
  readonly ca?: PemSource | undefined;
  /** The agent's certificate, with its chain if there is one. */
  readonly cert: PemSource;
  readonly key: PemSource;
}

export interface Credentials {
  readonly ca?: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** @throws AgentError `credentials` */
export async function readCredentials({ ca, cert, key }: CredentialSources): Promise<Credentials> {
  const [caPem, certPem, keyPem] = await Promise.all([
    ca === undefined ? undefined : readPem("ca", ca),
    readPem("cert", cert),
    readPem("key", key),
  ]);
  return { ...(caPem === undefined ? {} : { ca: caPem }), cert: certPem, key: keyPem };
}

async function readPem(name: string, source: PemSource): Promise<string | Buffer> {
  if (typeof source !== "function") return source;
  try {
    return await source();
  } catch (cause) {
    throw new AgentError("credentials", `${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
