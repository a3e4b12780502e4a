import { isIP } from "node:net";
import { UsageError } from "../config/usage-error.js";
import { isHostname } from "../dispatch/hostname.js";

/** What a certificate says. The functions below make the four that the project uses; any other can be written down. */
export interface Profile {
  /** The parts of the subject, in order, such as `{ type: "CN", value: "operator-dev" }`. */
  readonly subject: readonly SubjectPart[];
  /** Names and addresses for the subject alternative name; none leaves the extension out. */
  readonly names: readonly string[];
  /** The extended key usage; none leaves the extension out. */
  readonly purposes: readonly Purpose[];
  /** Present on an authority, whose certificate may sign others: how many authorities may follow below it. */
  readonly authority?: { readonly pathLength?: number };
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface SubjectPart {
  readonly type: "CN" | "O" | "OU";
  readonly value: string;
}

export type Purpose = "clientAuth" | "serverAuth";

export interface Validity {
  readonly now: Date;
  /** From `now` on, whole days. */
  readonly days: number;
}

/** An authority for leaves, not for other authorities. */
export function authorityProfile(commonName: string, validity: Validity): Profile {
  return { ...leaf(commonName, [], [], validity), authority: { pathLength: 0 } };
}

/** A server for the given DNS names and IP addresses. The first one is the Common Name too. */
export function serverProfile(names: readonly string[], validity: Validity): Profile {
  const [first] = names;
  if (first === undefined) throw new UsageError("a server's certificate needs at least one name");
  for (const name of names) {
    if (!isHostname(name) && isIP(name) === 0) throw badName("a server's name", name, " or an IP address");
  }
  return leaf(first, [...new Set(names)], ["serverAuth"], validity);
}

/** The agent of machine `id`: Common Name `agent-<id>.<suffix>`. */
export function agentProfile(id: string, suffix: string, validity: Validity): Profile {
  if (!isHostname(id)) throw badName("a machine id", id);
  if (!isHostname(suffix)) throw badName("the suffix of agents' Common Names", suffix);
  return leaf(`agent-${id}.${suffix}`, [], ["clientAuth"], validity);
}

/** An operator: Common Name `operator-<name>`. */
export function operatorProfile(name: string, validity: Validity): Profile {
  if (!isHostname(name)) throw badName("an operator's name", name);
  return leaf(`operator-${name}`, [], ["clientAuth"], validity);
}

/** Clocks differ: a certificate that is valid from this very second is refused next door. */
const headStartMs = 5 * 60_000;
const dayMs = 86_400_000;

function leaf(commonName: string, names: readonly string[], purposes: readonly Purpose[], validity: Validity): Profile {
  if (commonName.length > 64) {
    throw new UsageError(`the Common Name ${commonName} is longer than the 64 characters that X.509 allows`);
  }
  const nowMs = Math.floor(validity.now.getTime() / 1000) * 1000;
  return {
    subject: [{ type: "CN", value: commonName }],
    names,
    purposes,
    notBefore: new Date(nowMs - headStartMs),
    notAfter: new Date(nowMs + validity.days * dayMs),
  };
}

function badName(what: string, name: string, otherwise = ""): UsageError {
  return new UsageError(
    `${what} must be a host name${otherwise}, not "${name}"`,
    "Lower-case letters, digits and hyphens, in parts of 1 to 63 characters with dots between them.",
  );
}
