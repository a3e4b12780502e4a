import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isHostname } from "../dispatch/hostname.js";
import { authorityPair, initCa, issueAgent, issueOperator, issueServer, readAuthority } from "./authority.js";
import { type Pair, pairOf, readPair } from "./folder.js";

/** The machine that the development agent's certificate is for. */
export const developmentAgentId = "web-01";
const developmentOperator = "dev";

/** The certificates that a server without any TLS setting makes for itself. All paths are absolute. */
export interface DevelopmentPki {
  readonly folder: string;
  /** The authority's certificate, which is what everybody trusts. */
  readonly ca: string;
  readonly server: Pair;
  /** Common Name `operator-dev`. */
  readonly operator: Pair;
  /** Common Name `agent-web-01.<suffix>`. */
  readonly agent: Pair;
  /** Whether anything was made or renewed just now. */
  readonly created: boolean;
}

export interface DevelopmentOptions {
  /** The ending of agents' Common Names. Default: `fleet.lab.internal`. */
  readonly suffix?: string;
  readonly now?: Date;
}

/** Where `stateDir` holds certificates: those for development, and what `pki` makes unless told otherwise. */
export function pkiFolder(stateDir: string): string {
  return join(stateDir, "pki");
}

/**
 * Makes an authority and three certificates under `<stateDir>/pki/`, or keeps those that are there. A certificate that
 * expires within 30 days, lacks a name, or fits neither its key nor its issuer is made anew; the authority never is.
 * @throws UsageError when the authority has expired, or half of it is missing
 */
export async function ensureDevelopmentPki(
  stateDir: string,
  options: DevelopmentOptions = {},
): Promise<DevelopmentPki> {
  const { suffix = "fleet.lab.internal", now = new Date() } = options;
  const folder = pkiFolder(stateDir);
  const isNew = (await readAuthority(folder)) === undefined;
  if (isNew) await initCa(folder, { now });
  const authority = await readAuthority(folder);
  if (authority === undefined) throw new Error(`the CA in ${folder} has just been removed`);
  const issued = authority.certificate;

  const names = serverNames();
  const agentName = `agent-${developmentAgentId}.${suffix}`;
  const issueOptions = { now, replace: true };
  const leaves = developmentPairs(folder);
  const renewals = [
    await renew(
      leaves.server,
      issued,
      now,
      (leaf) => names.every((name) => covers(leaf, name)),
      () => issueServer(folder, names, issueOptions),
    ),
    await renew(
      leaves.operator,
      issued,
      now,
      () => true,
      () => issueOperator(folder, developmentOperator, issueOptions),
    ),
    await renew(
      leaves.agent,
      issued,
      now,
      (leaf) => leaf.subject === `CN=${agentName}`,
      () => issueAgent(folder, developmentAgentId, suffix, issueOptions),
    ),
  ];
  return { folder, ca: authorityPair(folder).cert, ...leaves, created: isNew || renewals.includes(true) };
}

/** What a client presents, and whom it trusts. All paths are absolute. */
export interface ClientCredentials extends Pair {
  readonly ca: string;
}

/** The development certificate for a role, or undefined where `ensureDevelopmentPki` has not made it. */
export function developmentCredentials(stateDir: string, role: "agent" | "operator"): ClientCredentials | undefined {
  const folder = pkiFolder(stateDir);
  const pair = developmentPairs(folder)[role];
  const { cert: ca } = authorityPair(folder);
  return [ca, pair.cert, pair.key].every((path) => existsSync(path)) ? { ca, ...pair } : undefined;
}

function developmentPairs(folder: string) {
  return {
    server: pairOf(folder, "server-localhost"),
    operator: pairOf(folder, `operator-${developmentOperator}`),
    agent: pairOf(folder, `agent-${developmentAgentId}`),
  };
}

/** `localhost` comes first, since it names the file. */
function serverNames(): string[] {
  const machine = hostname().toLowerCase();
  return [...new Set(["localhost", "127.0.0.1", "::1", ...(isHostname(machine) ? [machine] : [])])];
}

const renewalMs = 30 * 86_400_000;

/** Issues a pair anew unless it can stay; tells whether it did. */
async function renew(
  pair: Pair,
  authority: X509Certificate,
  now: Date,
  fits: (leaf: X509Certificate) => boolean,
  issueAnew: () => Promise<unknown>,
): Promise<boolean> {
  const found = await readPair(pair);
  if (found !== undefined && canStay(found.certPem, found.keyPem)) return false;
  await issueAnew();
  return true;

  function canStay(certPem: string, keyPem: string): boolean {
    try {
      const leaf = new X509Certificate(certPem);
      const lasts = new Date(leaf.validTo).getTime() - now.getTime() > renewalMs;
      return lasts && leaf.verify(authority.publicKey) && leaf.checkPrivateKey(createPrivateKey(keyPem)) && fits(leaf);
    } catch {
      return false; // Not a certificate, or not a key: half written, or edited.
    }
  }
}

function covers(leaf: X509Certificate, name: string): boolean {
  return (leaf.checkHost(name, { subject: "never" }) ?? leaf.checkIP(name)) !== undefined;
}
