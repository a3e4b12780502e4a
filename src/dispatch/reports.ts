import type { DispatchRow, DispatchState } from "./dispatch.js";
import type { Hostname } from "./hostname.js";
import type { Instant } from "./instant.js";
import type { HostSeen } from "./ports.js";

/** What operators read that the rules do not need. Of one moment each, but not of the same. */
export interface ReportStore {
  /** Hosts that have polled or have dispatches, in the order of their names, after `after`. */
  listHosts(filter: HostFilter, after: Hostname | undefined, limit: number): Promise<readonly HostReport[]>;
  stats(): Promise<QueueStats>;
  /** Hosts with something that can be taken, and could be all the time since `before`, in the order of their names. */
  waitingHosts(before: Instant, limit: number): Promise<readonly Hostname[]>;
  /** 0 if there is none. */
  lastEventId(): Promise<number>;
}

export interface HostFilter {
  readonly hostname?: Hostname | undefined;
  readonly hostnamePrefix?: string | undefined;
}

export interface HostReport {
  readonly hostname: Hostname;
  /** `undefined` if it has never polled. */
  readonly seen: HostSeen | undefined;
  readonly pending: number;
  /** The dispatch that entered its state last, of those that ever were handed out. */
  readonly last: Pick<DispatchRow, "rolloutId" | "state" | "changedAt"> | undefined;
}

export interface QueueStats {
  readonly states: Readonly<Record<DispatchState, number>>;
  readonly oldestPendingAt: Instant | undefined;
  readonly hosts: number;
}
