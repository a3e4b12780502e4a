import type { Instant } from "./instant.js";

/** A revocation that an operator has made by a call. */
export interface CalledRevocation {
  /** A machine id, or an operator's Common Name. */
  readonly subject: string;
  /** Certificates whose validity begins earlier are refused. */
  readonly revokedBefore: Instant;
  readonly reason: string;
  /** The operator. */
  readonly revokedBy: string;
  readonly revokedAt: Instant;
}

export interface RevocationStore {
  /** The later of two instants counts. @returns what is in force now */
  revoke(revocation: CalledRevocation): Promise<CalledRevocation>;
  /** @returns false if there was none */
  restore(subject: string): Promise<boolean>;
  /** In the order of the subjects. */
  all(): Promise<readonly CalledRevocation[]>;
}
