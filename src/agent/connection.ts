import type { Credentials } from "./credentials.js";
import type { Dispatch } from "./dispatch.js";

/** A way to the server with one set of credentials. After a failure it is closed and a new one opened. */
export interface Connection {
  /**
   * One long poll; `undefined` if nothing came. When the signal aborts, it rejects promptly, with anything.
   *
   * @throws AgentError
   */
  take(signal: AbortSignal): Promise<Dispatch | undefined>;

  /** Closes the sockets, also those in use. */
  close(): void;
}

/** What each wire needs to know for its connections. */
export interface ConnectionOptions {
  readonly server: URL;
  readonly waitSeconds: number;
  readonly hostname: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** May throw if the credentials do not fit together; connects later, with the first poll. */
export type Connect = (credentials: Credentials, options: ConnectionOptions) => Connection;

/** An answer larger than this is not read to its end. A dispatch has less than 2 KiB. */
export const maxAnswerBytes = 64 * 1024;

/** Which version of the protocol the agent speaks. */
export const protocolHeaders = { "x-nixfleet-protocol": "1" } as const;
