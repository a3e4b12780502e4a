import type { EnqueueResult, NewDispatch, TakeKey, Taken } from "./dispatch.js";
import type { Hostname } from "./hostname.js";
import type { Instant } from "./instant.js";

/** What the rules need of a database. Every call is one transaction that is durable when its promise resolves. */
export interface DispatchStore {
  /**
   * Takes up to `limit` pending dispatches for each host and marks them delivered. Two calls never get the same row.
   *
   * @returns for each want, in order, what was taken: the host's oldest first
   */
  take(wants: readonly TakeWant[]): Promise<readonly (readonly Taken[])[]>;

  /**
   * Makes deliveries whose answer did not leave pending again; one that was replaced or taken again is left alone.
   *
   * @returns for each key, in order, whether its row is pending again
   */
  giveBack(takes: readonly TakeKey[]): Promise<readonly boolean[]>;

  /** Upserts by (hostname, rollout): all of the groups or, if it rejects, none. */
  enqueue(groups: readonly (readonly NewDispatch[])[]): Promise<readonly EnqueueReceipt[]>;

  /** Resolves if the store could serve a take and an enqueue just now. */
  check(): Promise<void>;

  close(): Promise<void>;
}

export interface TakeWant {
  readonly hostname: Hostname;
  /** How many polls of that host wait, at least 1. */
  readonly limit: number;
}

export interface EnqueueReceipt {
  /** One for each dispatch of the group, in its order. */
  readonly results: readonly EnqueueResult[];
  readonly enqueuedAt: Instant;
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

/** What the rules have to say to the operator. */
export interface Log {
  error(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  debug(fields: Record<string, unknown>, message: string): void;
}
