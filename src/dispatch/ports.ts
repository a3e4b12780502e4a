import type { DispatchKey, DispatchRow, DispatchState, EnqueueResult, NewDispatch, Taken } from "./dispatch.js";
import type { DispatchEvent, Note } from "./event.js";
import type { Hostname } from "./hostname.js";
import type { Instant } from "./instant.js";
import type { Step, StepResult, Taker } from "./life.js";
import type { Origin, Wire } from "./origin.js";
import type { RolloutId } from "./rollout.js";

/**
 * What the rules need of a database. Every call that writes is one transaction, history included, that is durable when
 * its promise resolves. What becomes of a row is for `life.ts` to say; a store finds rows and keeps them.
 */
export interface DispatchStore {
  /**
   * Hands each host's oldest dispatches to its takers, one each, the first taker first. Two calls never get the same row.
   * What has fallen due counts, whether `settleDue` was called or not; of very much at once a part, and `nextInMs` is 0.
   */
  take(wants: readonly TakeWant[]): Promise<TakeReceipt>;

  /**
   * Each step by itself: one that fails leaves the others alone.
   *
   * @returns for each step, in order, what became of it
   */
  apply(steps: readonly Step[]): Promise<readonly StepResult[]>;

  /** Upserts by (hostname, rollout): all of the groups or, if it rejects, none. */
  enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]>;

  /**
   * Both in one transaction, the enqueue first: what is handed out as it comes in is on disk once, and synced once. A store
   * that has no use for it leaves it out.
   *
   * @returns `undefined` if it has done nothing, because more than the two would be to do
   */
  enqueueAndTake?(groups: readonly EnqueueGroup[], wants: readonly TakeWant[]): Promise<EnqueuedAndTaken | undefined>;

  /** Does what the passing of time has made due: leases run out, `not_after` passes. At most so many rows. */
  settleDue(limit: number): Promise<DueReceipt>;

  /** Adds to the history and to what is known of hosts, without touching a dispatch. */
  note(notes: Notes): Promise<void>;

  find(key: DispatchKey): Promise<DispatchRow | undefined>;

  /** In the order of (hostname, rollout), after `after`. */
  list(filter: DispatchFilter, after: DispatchKey | undefined, limit: number): Promise<readonly DispatchRow[]>;

  /** In the order of their ids, after `afterId`. */
  listEvents(filter: EventFilter, afterId: number, limit: number): Promise<readonly DispatchEvent[]>;

  /** The latest events of one dispatch, oldest first. */
  latestEvents(key: DispatchKey, limit: number): Promise<readonly DispatchEvent[]>;

  /** `undefined` for a host that never polled. */
  findHost(hostname: Hostname): Promise<HostSeen | undefined>;

  /**
   * Removes what was done, happened or was seen last before `before`: at most `limit` rows of each kind. Live dispatches
   * stay, however old.
   *
   * @returns how many rows it removed
   */
  prune(before: Instant, limit: number): Promise<number>;

  /** Resolves if the store could serve a take and an enqueue just now. */
  check(): Promise<void>;

  close(): Promise<void>;
}

export interface TakeWant {
  readonly hostname: Hostname;
  /** At least one. */
  readonly takers: readonly Taker[];
}

export interface TakeReceipt {
  /** For each want, in order, what was taken, each for the taker of the same index: the host's oldest first. */
  readonly taken: readonly (readonly Taken[])[];
  /** What had fallen due and was settled on the way. */
  readonly due: DueReceipt;
}

export interface EnqueuedAndTaken {
  readonly receipts: readonly EnqueueReceipt[];
  /** As in `TakeReceipt`. */
  readonly taken: TakeReceipt["taken"];
}

export interface DueReceipt {
  /** Hosts for which something waits (again). */
  readonly hostnames: ReadonlySet<Hostname>;
  /** In how many milliseconds the next thing falls due, 0 if something is left; `undefined` if nothing ever will. */
  readonly nextInMs: number | undefined;
}

export interface EnqueueGroup {
  readonly dispatches: readonly NewDispatch[];
  /** Whether each takes the place of the older ones of its host and channel that wait. */
  readonly supersede: boolean;
  readonly origin: Origin;
}

export interface EnqueueReceipt {
  /** One for each dispatch of the group, in its order. */
  readonly results: readonly EnqueueResult[];
  readonly enqueuedAt: Instant;
}

/** What is not given does not matter. */
export interface DispatchFilter {
  readonly hostname?: Hostname | undefined;
  readonly hostnamePrefix?: string | undefined;
  readonly rolloutId?: RolloutId | undefined;
  readonly channel?: string | undefined;
  /** Any of these. */
  readonly states?: readonly DispatchState[] | undefined;
  /** At or after. */
  readonly enqueuedAfter?: Instant | undefined;
  readonly enqueuedBefore?: Instant | undefined;
}

export interface EventFilter {
  readonly hostname?: Hostname | undefined;
  readonly rolloutId?: RolloutId | undefined;
}

export interface Notes {
  readonly events: readonly Note[];
  /** At most one for each host. */
  readonly seen: readonly HostSeen[];
}

/** What the last poll of a host said of it. */
export interface HostSeen {
  readonly hostname: Hostname;
  readonly lastSeenAt: Instant;
  readonly address: string;
  readonly wire: Wire;
  /** The `User-Agent` header; empty if there was none. */
  readonly agentVersion: string;
  readonly certificateNotAfter: Instant | null;
}

/** Wall time, timers and the event loop, so that tests can hold them. */
export interface Clock {
  /** Wall-clock milliseconds since 1970; jumps when the machine's clock is set. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number;
  /** Calls back once after at least `ms`; returns what takes that back. */
  after(ms: number, callback: () => void): Cancel;
  /** Calls back once after the present turn of the event loop has heard all of its input. */
  nextTurn(callback: () => void): void;
}

export type Cancel = () => void;

/** A number from 0 (included) to 1 (excluded), evenly spread. */
export type Random = () => number;

/** A place where a test may have the process killed; does nothing in production. */
export type FailPoint = (name: "enqueue-committed" | "take-committed" | "step-committed") => void;

/** What the rules have to say to the operator. */
export interface Log {
  error(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  debug(fields: Record<string, unknown>, message: string): void;
}
