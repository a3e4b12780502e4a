import type { Hostname } from "./hostname.js";
import type { Instant } from "./instant.js";

/** The servers on one database, as each of them knows of the others. A store that one process has to itself has none. */
export interface Neighbours {
  /** What the others say from now on. All of it is hints: what holds is in the database. May be called several times. */
  listen(ears: Ears): void;

  /** Which hosts' polls have come to be parked here, and which are not any more, since this was told last. */
  tellParked(changes: ParkedChanges): Promise<void>;

  /** Where polls of these hosts are parked, at the other servers, as far as those have told it within some seconds. */
  parkedAt(hostnames: readonly Hostname[]): Promise<ReadonlyMap<Hostname, readonly ParkedAt[]>>;
}

export interface Ears {
  /** Something waits (again) for these hosts. */
  readonly kicked?: (hostnames: readonly Hostname[]) => void;
  /** Something waits for so many hosts that they were not named, or something may have been said that was not heard. */
  readonly missed?: () => void;
  /** A revocation was made or taken back. */
  readonly revoked?: () => void;
}

export interface ParkedChanges {
  readonly parked: readonly ParkedHost[];
  readonly gone: readonly Hostname[];
}

export interface ParkedHost {
  readonly hostname: Hostname;
  readonly polls: number;
  /** Since when it has been parked here, apart from the moments between two polls. */
  readonly since: Instant;
}

/** A host's polls at one server. */
export interface ParkedAt {
  /** The server's name. */
  readonly server: string;
  readonly polls: number;
  readonly since: Instant;
}
