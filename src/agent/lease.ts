/** The right and the duty that come with a dispatch taken under a lease. */
export interface Lease {
  /** Names this attempt. Opaque; worth something only together with the host's certificate. */
  readonly token: string;
  /**
   * When it runs out by the server's wall clock; written like `Dispatch.soakDueAt`. For people: the agent's own clock may
   * stand elsewhere, and either may be set. What counts is the length, from when the lease came.
   */
  readonly expiresAt: string;
  /** How often this enqueue has been handed out, this time included: 1, 2, ... */
  readonly attempt: number;
}

/** A lease by the names that it has in JSON on the wire. */
export interface LeaseJson {
  readonly token: string;
  readonly expires_at: string;
  readonly attempt: number;
}

export function leaseToJson({ token, expiresAt, attempt }: Lease): LeaseJson {
  return { token, expires_at: expiresAt, attempt };
}

/** The longest lease that can be asked for, in seconds. */
const maxLeaseSeconds = 3_600;

/** @throws RangeError naming `option` */
export function assertLeaseSeconds(seconds: number, option: string): void {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxLeaseSeconds) return;
  throw new RangeError(`${option}: must be a whole number from 1 to ${maxLeaseSeconds}`);
}
