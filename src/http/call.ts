import type { KnownIdentity } from "../identity/identity.js";

/** How a request came in. */
export type Wire = "http" | "connect" | "grpc" | "grpc-web";

/** One call of one RPC, whichever wire it came by. What the services know of the network, and all they know. */
export interface Call {
  readonly requestId: string;
  readonly wire: Wire;
  readonly identity: KnownIdentity;
  /** How long the caller's certificate is still valid, in milliseconds. */
  readonly certificateLeftMs: number;
  /** Aborts once an answer would reach nobody: the connection has gone, or the caller's own deadline has passed. */
  readonly signal: AbortSignal;
  /** @throws DispatchError `unauthenticated` if the caller's certificate does not hold any more */
  assertAllowed(): void;
  /** Calls back, at most once, if the answer provably did not leave: its connection closed before it was flushed. */
  onUndelivered(callback: () => void): void;
  /** Adds to the line that this request gets in the log. */
  note(fields: Readonly<Record<string, string | number>>): void;
}
