import type { Credentials } from "./credentials.js";
import type { Taken } from "./dispatch.js";
import type { Lease } from "./lease.js";

/**
 * A way to the server with one set of credentials. After a failure it is closed and a new one opened. Calls do not wait
 * for one another: what is said of a dispatch goes out while a poll is parked.
 *
 * When the signal of a call aborts, the call rejects promptly, with anything. Else each throws an AgentError.
 */
export interface Connection {
  /** One long poll; `undefined` if nothing came. */
  take(signal: AbortSignal): Promise<Taken | undefined>;

  acknowledge(attempt: Attempt, signal: AbortSignal): Promise<void>;

  /** @param reason at most 1,024 bytes of UTF-8 */
  reject(attempt: Attempt, reason: string, signal: AbortSignal): Promise<void>;

  /** Starts the lease anew. */
  extend(attempt: Attempt, leaseSeconds: number, signal: AbortSignal): Promise<Lease>;

  /** Closes the sockets, also those in use. */
  close(): void;
}

/** What a call is about. */
export interface Attempt {
  readonly rolloutId: string;
  readonly leaseToken: string;
}

/** What each wire needs to know for its connections. */
export interface ConnectionOptions {
  readonly server: URL;
  readonly waitSeconds: number;
  readonly hostname: string;
  /** `undefined`: takes without a lease. */
  readonly leaseSeconds: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** May throw if the credentials do not fit together; connects later, with the first poll. */
export type Connect = (credentials: Credentials, options: ConnectionOptions) => Connection;

/** An answer larger than this is not read to its end. A dispatch has less than 2 KiB. */
export const maxAnswerBytes = 64 * 1024;

/** Which version of the protocol the agent speaks. */
export const protocolHeaders = { "x-nixfleet-protocol": "1" } as const;
