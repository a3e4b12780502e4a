import { createPrivateKey, X509Certificate } from "node:crypto";
import { UsageError } from "../config/usage-error.js";
import { type Pair, pairOf, readPair, writePair } from "./folder.js";
import type { Issued } from "./issue.js";
import { agentProfile, authorityProfile, operatorProfile, type Profile, serverProfile } from "./profile.js";

/** A certificate on disk. */
export interface Certificate extends Pair {
  readonly commonName: string;
  readonly notAfter: Date;
}

export interface IssueOptions {
  /** How long it is valid, in whole days from `now`: 1 to 3,650. */
  readonly days?: number;
  /** Replace a certificate of the same name. An authority is never replaced. Default: false. */
  readonly replace?: boolean;
  readonly now?: Date;
}

export const authorityDays = 3650;
export const leafDays = 365;
const authorityName = "ca";

/** An authority as its files hold it, and its certificate for those who look. */
export interface Authority extends Issued {
  readonly certificate: X509Certificate;
}

/** The paths of the authority in `folder`, whether it exists or not. */
export function authorityPair(folder: string): Pair {
  return pairOf(folder, authorityName);
}

/**
 * The authority in `folder`, or undefined when there is none.
 * @throws UsageError when its files are damaged, or do not belong together
 */
export async function readAuthority(folder: string): Promise<Authority | undefined> {
  const pair = authorityPair(folder);
  const issued = await readPair(pair);
  if (issued === undefined) return undefined;
  try {
    const certificate = new X509Certificate(issued.certPem);
    if (certificate.checkPrivateKey(createPrivateKey(issued.keyPem))) return { ...issued, certificate };
  } catch (cause) {
    throw damaged(pair, cause);
  }
  throw damaged(pair);
}

function damaged({ cert, key }: Pair, cause?: unknown): UsageError {
  return new UsageError(
    `${cert} and ${key} are no certificate and its key`,
    "Put the right ones there, or remove both.",
    {
      cause,
    },
  );
}

/**
 * Makes an authority, `ca.crt` and `ca.key`, in `folder`.
 * @throws UsageError when there is one
 */
export async function initCa(folder: string, options: Omit<IssueOptions, "replace"> = {}): Promise<Certificate> {
  const profile = authorityProfile("nixfleet-dispatch development CA", validity(options, authorityDays));
  return write(
    folder,
    authorityName,
    profile,
    undefined,
    false,
    "A CA is never replaced. Use it, or choose another folder.",
  );
}

/** Makes a server's certificate, `server-<first name>.crt` and `.key`, for the given DNS names and IP addresses. */
export async function issueServer(folder: string, names: readonly string[], options: IssueOptions = {}) {
  const profile = serverProfile(names, validity(options, leafDays));
  return issueLeaf(folder, `server-${names[0]}`.replaceAll(":", "_"), profile, options);
}

/** Makes the certificate of the agent of machine `id`, `agent-<id>.crt` and `.key`. */
export async function issueAgent(folder: string, id: string, suffix: string, options: IssueOptions = {}) {
  return issueLeaf(folder, `agent-${id}`, agentProfile(id, suffix, validity(options, leafDays)), options);
}

/** Makes an operator's certificate, `operator-<name>.crt` and `.key`. */
export async function issueOperator(folder: string, name: string, options: IssueOptions = {}) {
  return issueLeaf(folder, `operator-${name}`, operatorProfile(name, validity(options, leafDays)), options);
}

function validity({ days, now = new Date() }: IssueOptions, defaultDays: number) {
  const wanted = days ?? defaultDays;
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 3650) return { now, days: wanted };
  throw new UsageError(`days must be a whole number from 1 to 3650, not ${wanted}`);
}

async function issueLeaf(folder: string, name: string, profile: Profile, { replace = false }: IssueOptions) {
  const authority = await readAuthority(folder);
  if (authority === undefined) {
    throw new UsageError(`${folder} holds no CA (ca.crt and ca.key)`, "Make one first: nixfleet-dispatch pki init");
  }
  const authorityEnd = new Date(authority.certificate.validTo);
  if (authorityEnd < profile.notBefore) {
    throw new UsageError(`${authorityPair(folder).cert} has expired`, `Remove ${folder} and start again.`);
  }
  // What outlives its issuer is not accepted any more anyway.
  const notAfter = profile.notAfter < authorityEnd ? profile.notAfter : authorityEnd;
  return write(folder, name, { ...profile, notAfter }, authority, replace, "--force replaces it.");
}

async function write(
  folder: string,
  name: string,
  profile: Profile,
  issuer: Issued | undefined,
  replace: boolean,
  wayOut: string,
): Promise<Certificate> {
  // Loading the certificate library takes some 150 ms, which a start that makes no certificate need not spend.
  const { issue } = await import("./issue.js");
  try {
    const pair = await writePair(folder, name, await issue(profile, issuer), replace);
    return { ...pair, commonName: profile.subject[0]?.value ?? "", notAfter: profile.notAfter };
  } catch (thrown) {
    throw thrown instanceof UsageError ? new UsageError(thrown.message, wayOut, { cause: thrown }) : thrown;
  }
}
