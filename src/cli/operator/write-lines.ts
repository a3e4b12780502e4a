import { once } from "node:events";
import type { Io } from "../io.js";

/**
 * Writes lines to stdout, and waits where the reader is slower: what somebody pages through must not pile up in memory.
 *
 * @throws the signal's reason
 */
export async function writeLines({ stdout }: Io, lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0 || stdout.write(`${lines.join("\n")}\n`)) return;
  await once(stdout, "drain", { signal }).catch((thrown: unknown) => {
    throw signal.aborted ? signal.reason : thrown;
  });
}

/** The same for `--json`: one object on each line. */
export function writeJsonLines(io: Io, values: readonly unknown[], signal: AbortSignal): Promise<void> {
  return writeLines(
    io,
    values.map((value) => JSON.stringify(value)),
    signal,
  );
}

/** What is no result, on stderr, where it does not get into a pipe. */
export function printNote({ stderr }: Io, text: string): void {
  stderr.write(`${text}\n`);
}
