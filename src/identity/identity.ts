import { DispatchError } from "../dispatch/errors.js";
import { type Hostname, isHostname } from "../dispatch/hostname.js";
import { machineIdFromCn } from "./machine-id.js";
import type { PeerCert } from "./peer-cert.js";

/** Who asks. An operator is never an agent, nor the other way round. */
export type Identity =
  | { readonly kind: "agent"; readonly machineId: Hostname }
  | { readonly kind: "operator"; readonly name: string }
  | { readonly kind: "anonymous" };

export type KnownIdentity = Exclude<Identity, { kind: "anonymous" }>;

export interface IdentityPolicy {
  /** `agent-<id>.<suffix>` gives the machine id `<id>`. */
  readonly agentCnSuffix: string;
  /** Asked only where there is no operators' CA. */
  readonly isOperatorCn: (cn: string) => boolean;
  /** If set, exactly the certificates under the operators' CA are operators', whatever their CN says. */
  readonly hasOperatorCa: boolean;
  /** Certificates of this subject (machine id or operator name) issued before this instant are refused. */
  readonly revokedBeforeMs: (subject: string) => number | undefined;
}

/** Why a certificate, or that there is none, does not let its caller in. */
export const refusals = [
  "no_certificate",
  "not_verified",
  "wrong_usage",
  "not_yet_valid",
  "expired",
  "unusable_name",
  "no_chain",
  "revoked",
] as const;

export type Refusal = (typeof refusals)[number];

/** `unauthenticated`, with its reason for people in the message and for counting beside it. */
export class CertificateRefused extends DispatchError {
  constructor(
    readonly refusal: Refusal,
    message: string,
  ) {
    super("unauthenticated", message);
  }
}

const clientAuth = "1.3.6.1.5.5.7.3.2";

/**
 * The one gate. A pure function, asked on every request and again before every hand-out, because a certificate that held
 * at the handshake may have expired or been revoked since. Whatever it does not positively accept it refuses.
 *
 * @throws CertificateRefused
 */
export function identify(cert: PeerCert, policy: IdentityPolicy, nowMs: number): KnownIdentity {
  if (cert.verifyError !== undefined) throw refuse("not_verified", `does not verify: ${cert.verifyError}`);
  if (!cert.extendedKeyUsage.includes(clientAuth)) throw refuse("wrong_usage", "is not for client authentication");
  if (!(nowMs >= cert.notBeforeMs)) throw refuse("not_yet_valid", "is not valid yet");
  if (!(nowMs <= cert.notAfterMs)) throw refuse("expired", "has expired");
  const identity = knownIdentity(cert, policy);
  const revokedBeforeMs = policy.revokedBeforeMs(identity.kind === "agent" ? identity.machineId : identity.name);
  if (revokedBeforeMs !== undefined && !(cert.notBeforeMs >= revokedBeforeMs))
    throw refuse("revoked", "has been revoked");
  return identity;
}

/** What a certificate says of its holder stays the same for as long as one is asked: it is read once. */
const known = new WeakMap<PeerCert, { readonly policy: IdentityPolicy; readonly identity: KnownIdentity }>();

function knownIdentity(cert: PeerCert, policy: IdentityPolicy): KnownIdentity {
  const before = known.get(cert);
  if (before?.policy === policy) return before.identity;
  const identity = identityOf(usableCn(cert), cert, policy);
  known.set(cert, { policy, identity });
  return identity;
}

/** Whether `identify` would accept. */
export function isHeld(cert: PeerCert, policy: IdentityPolicy, nowMs: number): boolean {
  try {
    identify(cert, policy, nowMs);
    return true;
  } catch {
    return false;
  }
}

function usableCn(cert: PeerCert): string {
  const [cn, ...others] = cert.commonNames;
  if (cn === undefined || others.length > 0) {
    throw refuse("unusable_name", `has ${cert.commonNames.length} Common Names; one is needed`);
  }
  if (!/^[a-z0-9.-]{1,253}$/.test(cn))
    throw refuse("unusable_name", "has a Common Name that is not a lower-case host name");
  return cn;
}

function identityOf(cn: string, cert: PeerCert, policy: IdentityPolicy): KnownIdentity {
  if (cert.issuedUnder === "neither") throw refuse("no_chain", "does not come with the chain that leads to its CA");
  const isOperator = policy.hasOperatorCa ? cert.issuedUnder === "operatorCa" : policy.isOperatorCn(cn);
  if (isOperator) return { kind: "operator", name: cn };
  const machineId = machineIdFromCn(cn, policy.agentCnSuffix);
  if (!isHostname(machineId)) throw refuse("unusable_name", "has a Common Name that is not a lower-case host name");
  return { kind: "agent", machineId };
}

function refuse(refusal: Refusal, why: string): CertificateRefused {
  return new CertificateRefused(refusal, `the client certificate ${why}`);
}
