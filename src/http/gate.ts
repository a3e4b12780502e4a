import type { Clock } from "../dispatch/ports.js";
import { CertificateRefused, type IdentityPolicy, identify, isHeld, type KnownIdentity } from "../identity/identity.js";
import type { PeerCert } from "../identity/peer-cert.js";
import type { Connection } from "./connections.js";
import type { Gate } from "./exchange.js";

/** Judges by the connection's certificate: not by the one of the handshake, since that is judged anew when the CAs are replaced. */
export class CertificateGate implements Gate {
  readonly #policy: IdentityPolicy;
  readonly #clock: Pick<Clock, "nowMs">;

  constructor(policy: IdentityPolicy, clock: Pick<Clock, "nowMs">) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /** @throws CertificateRefused */
  identify({ cert }: Connection): KnownIdentity {
    return identify(requireCert(cert), this.#policy, this.#clock.nowMs());
  }

  /** Whether `identify` would. */
  letsIn({ cert }: Connection): boolean {
    return cert !== undefined && isHeld(cert, this.#policy, this.#clock.nowMs());
  }

  /** @throws CertificateRefused without a certificate */
  certificateLeftMs({ cert }: Connection): number {
    return requireCert(cert).notAfterMs - this.#clock.nowMs();
  }
}

function requireCert(cert: PeerCert | undefined): PeerCert {
  if (cert !== undefined) return cert;
  throw new CertificateRefused("no_certificate", "a client certificate is needed");
}
