import { DispatchError } from "../../dispatch/errors.js";

/**
 * What passes by itself (the database is away, overloaded, restarting, full) is `store_unavailable`, in words that
 * anybody may read; everything else is the caller's to log.
 */
export function runtimeError(error: unknown): unknown {
  if (error instanceof DispatchError) return error;
  const why = whyUnavailable(error);
  return why === undefined ? error : unavailable(why, error);
}

export function unavailable(why: string, cause?: unknown): DispatchError {
  const message = `the database cannot be used: ${why}`;
  return new DispatchError("store_unavailable", message, { retryAfterSeconds: 5, cause });
}

/** `undefined` for what is no trouble of the connection or of the server's state. */
export function whyUnavailable(error: unknown): string | undefined {
  const code = codeOf(error);
  const known = bySqlState(code) ?? bySystemCode[code];
  if (known !== undefined) return known;
  // pg says these in words only.
  const message = error instanceof Error ? error.message : "";
  if (/timeout/i.test(message)) return "it does not answer in time";
  return /connection|socket|client (was|has encountered)|ended by/i.test(message) ? "the connection broke" : undefined;
}

function bySqlState(code: string): string | undefined {
  if (!/^[0-9A-Z]{5}$/.test(code)) return undefined;
  return bySqlStates[code] ?? bySqlStates[code.slice(0, 2)];
}

/** By code, or by class of codes. */
const bySqlStates: Readonly<Record<string, string>> = {
  "08": "the connection broke",
  "25006": "it is read-only, as a standby is",
  "28": "it refuses the credentials",
  "3D000": "there is no such database",
  "53100": "its disk is full",
  "53": "it is short of resources",
  "55P03": "a lock was not free in time",
  "57014": "a statement took too long",
  "57P": "it is starting or stopping",
  "57P01": "it is starting or stopping",
  "57P02": "it is starting or stopping",
  "57P03": "it is starting or stopping",
  "57P05": "the connection broke",
  "25P03": "a transaction was left open too long",
  "58": "its disk has trouble",
};

const bySystemCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  ETIMEDOUT: "it does not answer in time",
  EHOSTUNREACH: "its host is out of reach",
  ENETUNREACH: "its host is out of reach",
  ENOTFOUND: "its host's name is not known",
  EAI_AGAIN: "its host's name is not known",
  ENOENT: "its socket is not there",
};

/** Deadlocks, and transactions that met each other: the same again will do. */
export function isWorthRepeating(error: unknown): boolean {
  return error instanceof MetAnother || ["40P01", "40001"].includes(codeOf(error));
}

/** Somebody else has made, or removed, a row between our look and our change. */
export class MetAnother extends Error {
  override readonly name = "MetAnother";
}

/** Of Node.js or of PostgreSQL; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
