import { createInterface } from "node:readline";
import { UsageError } from "../../config/usage-error.js";
import type { Io } from "../io.js";

/**
 * Before anything else is done: whether somebody can be asked.
 *
 * @throws UsageError if stdin is no terminal and `--yes` was not given
 */
export function assertCanAsk({ stdin }: Pick<Io, "stdin">, isSure: boolean): void {
  if (isSure || stdin.isTTY === true) return;
  throw new UsageError(
    "--yes is missing, and there is no terminal to ask on",
    "Add --yes to do it without being asked.",
  );
}

/**
 * Asks on stderr, so that stdout is free for results. No answer is a no.
 *
 * @throws Error with this refusal unless the answer is yes; the signal's reason
 */
export async function confirm(question: string, refusal: string, io: Io, signal: AbortSignal): Promise<void> {
  io.stderr.write(`${question} [y/N] `);
  if (!(await saysYes(io, signal))) throw new Error(refusal);
}

async function saysYes({ stdin, stderr }: Io, signal: AbortSignal): Promise<boolean> {
  // The terminal edits the line, and turns Ctrl-C into a signal.
  const lines = createInterface({ input: stdin, terminal: false, signal });
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
  } finally {
    lines.close();
  }
  stderr.write("\n");
  signal.throwIfAborted();
  return false;
}
