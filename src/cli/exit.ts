import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { AgentError, type AgentErrorKind } from "../agent/errors.js";
import { UsageError } from "../config/usage-error.js";
import { DispatchError, errorTable } from "../dispatch/errors.js";
import { Interrupted } from "./interrupt.js";

/** Every code that the program ends with. Scripts rely on them: a meaning never changes. */
export const exitTable = {
  ok: { code: 0, meaning: "done" },
  failure: { code: 1, meaning: "failed; the message says why" },
  usage: { code: 2, meaning: "wrong command line, configuration or input; nothing was done" },
  not_found: { code: 3, meaning: "what was asked for does not exist" },
  denied: { code: 4, meaning: "the certificate is missing, not accepted, or does not allow this" },
  unavailable: { code: 5, meaning: "the server did not answer in time or at all; try again" },
  interrupted: { code: 130, meaning: "stopped by SIGINT or SIGTERM" },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitName = keyof typeof exitTable;

/** What a command was pointed at is not there: exit code 3. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

/** How the program ends after `thrown`. What nobody foresaw is a `failure`. */
export function exitNameOf(thrown: unknown): ExitName {
  for (const error of causes(thrown)) {
    const name = exitNameOfOne(error);
    if (name !== undefined) return name;
  }
  return "failure";
}

/** An error, its cause, the cause of that, and so on. */
export function* causes(thrown: unknown): Generator<unknown> {
  // Nothing forbids a circle of causes; no honest chain is this deep.
  for (let error = thrown, depth = 0; error !== undefined && depth < 10; depth++) {
    yield error;
    error = error instanceof Error ? error.cause : undefined;
  }
}

/** Connect's codes, by number, as the server sends them on every wire. */
const exitOfCode = {
  [Code.Canceled]: "interrupted",
  [Code.Unknown]: "failure",
  [Code.InvalidArgument]: "usage",
  [Code.DeadlineExceeded]: "unavailable",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "failure",
  [Code.PermissionDenied]: "denied",
  [Code.ResourceExhausted]: "failure",
  [Code.FailedPrecondition]: "failure",
  [Code.Aborted]: "failure",
  [Code.OutOfRange]: "usage",
  [Code.Unimplemented]: "failure",
  [Code.Internal]: "failure",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "failure",
  [Code.Unauthenticated]: "denied",
} as const satisfies Record<Code, ExitName>;

const exitOfAgentError = {
  denied: "denied",
  server: "failure",
  network: "unavailable",
  deadline: "unavailable",
  malformed: "failure",
  credentials: "usage",
  refused: "failure",
  "early-empty": "failure",
  "attempt-over": "failure",
  "unknown-dispatch": "not_found",
  "lease-ended": "unavailable",
} as const satisfies Record<AgentErrorKind, ExitName>;

/** What Node.js calls the ways in which a server cannot be reached. */
const unreachable: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

function exitNameOfOne(error: unknown): ExitName | undefined {
  if (error instanceof UsageError) return "usage";
  if (error instanceof Interrupted) return "interrupted";
  if (error instanceof NotFoundError) return "not_found";
  if (error instanceof DispatchError) return exitNameOfCode(errorTable[error.reason].code);
  if (error instanceof AgentError) return exitNameOfCode(error.code) ?? exitOfAgentError[error.kind];
  // Connect says "unknown" of whatever it does not know; its cause may tell more.
  if (error instanceof ConnectError) return error.code === Code.Unknown ? undefined : exitOfCode[error.code];
  if (!(error instanceof Error)) return undefined;
  if (error.name === "AbortError") return "interrupted";
  if (error.name === "TimeoutError") return "unavailable";
  return unreachable.has(systemCode(error) ?? "") ? "unavailable" : undefined;
}

function exitNameOfCode(name: string | undefined): ExitName | undefined {
  const code = name === undefined ? undefined : codeFromString(name);
  return code === undefined ? undefined : exitOfCode[code];
}

/** The `code` of an error of Node.js, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
