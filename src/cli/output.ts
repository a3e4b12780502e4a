import { inspect, styleText } from "node:util";
import { ConnectError } from "@connectrpc/connect";
import { UsageError } from "../config/usage-error.js";
import { otherVariables } from "../config/variables.js";
import { DispatchError } from "../dispatch/errors.js";
import { oneLine } from "../words/one-line.js";
import { causes, systemCode } from "./exit.js";
import type { Io, OutputStream } from "./io.js";

type Style = Parameters<typeof styleText>[0];

/** Whether to colour: NO_COLOR says never, FORCE_COLOR always, else only on a terminal that is not `dumb`. */
export function hasColour({ env }: Pick<Io, "env">, stream: OutputStream): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** `text` in a style where `stream` shows colours, else as it is. */
export function paint(io: Io, stream: OutputStream, style: Style, text: string): string {
  return hasColour(io, stream) ? styleText(style, text, { validateStream: false }) : text;
}

export function printLine(io: Io, line = ""): void {
  io.stdout.write(`${line}\n`);
}

/** One JSON value on one line, for `--json`. */
export function printJson(io: Io, value: unknown): void {
  printLine(io, JSON.stringify(value));
}

export function printWarning(io: Io, message: string): void {
  io.stderr.write(`${paint(io, io.stderr, "yellow", "warning:")} ${oneLine(message)}\n`);
}

/** `error: …` and, where there is one, a line with what to do. The stack only with NIXFLEET_DISPATCH_DEBUG=1. */
export function printError(io: Io, thrown: unknown): void {
  const hint = hintFor(thrown);
  io.stderr.write(`${paint(io, io.stderr, "red", "error:")} ${oneLine(messageOf(thrown))}\n`);
  if (hint !== undefined) io.stderr.write(`${paint(io, io.stderr, "cyan", "hint:")} ${hint}\n`);
  if (io.env[otherVariables.debug] === "1") io.stderr.write(`${inspect(thrown, { depth: 5 })}\n`);
}

/** What one line can say of an error, on its own words. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof ConnectError) return thrown.rawMessage || messageOf(thrown.cause);
  // Several addresses of one name were tried, and Node.js leaves the message of the whole empty.
  if (thrown instanceof AggregateError && thrown.message === "") return messageOf(thrown.errors[0]);
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}

/** What to do about errors that Node.js words for programmers. */
export const hintOfSystemCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there. Start one with: nixfleet-dispatch serve",
  ENOTFOUND: "That host name does not resolve. Check --server.",
  ERR_TLS_CERT_ALTNAME_INVALID: "The server's certificate is for other names. Check --server.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Pass the CA that issued the server's certificate with --ca.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "Pass the CA that issued the server's certificate with --ca.",
  SELF_SIGNED_CERT_IN_CHAIN: "Pass the CA that issued the server's certificate with --ca.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Pass the server's certificate with --ca.",
};

function hintFor(thrown: unknown): string | undefined {
  for (const error of causes(thrown)) {
    if (error instanceof UsageError) return error.hint;
    if (error instanceof DispatchError) return undefined; // Its message is meant for whoever reads it.
    const hint = hintOfSystemCode[systemCode(error) ?? ""];
    if (hint !== undefined) return hint;
  }
  const isBug = [...causes(thrown)].some((error) => error instanceof TypeError || error instanceof RangeError);
  return isBug ? `This looks like a bug. ${otherVariables.debug}=1 shows where it happened.` : undefined;
}
