import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { addAbortSignal, PassThrough } from "node:stream";
import { UsageError } from "../config/usage-error.js";
import type { Io } from "./io.js";

export interface Input {
  readonly bytes: AsyncIterable<unknown>;
  /** `undefined` for what is no regular file. */
  readonly sizeBytes: number | undefined;
  /** Reads no more, so that an open stdin does not keep the process alive. */
  close(): void;
}

/**
 * A file, or stdin for `-`. Reading fails when the signal aborts.
 *
 * @throws UsageError if there is no such file
 */
export function openInput(path: string, { stdin, cwd }: Pick<Io, "stdin" | "cwd">, signal: AbortSignal): Input {
  if (path === "-") return input(stdin, () => stdin.pause(), undefined, signal);
  const absolute = resolve(cwd, path);
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`--file: ${absolute} does not exist`);
  if (found.isDirectory()) throw new UsageError(`--file: ${absolute} is a folder`);
  const file = createReadStream(absolute);
  return input(file, () => file.destroy(), found.isFile() ? found.size : undefined, signal);
}

function input(
  source: NodeJS.ReadableStream,
  stop: () => void,
  sizeBytes: number | undefined,
  signal: AbortSignal,
): Input {
  const bytes = new PassThrough();
  // Also for a failure while nobody reads; whoever reads next is told.
  bytes.on("error", () => {});
  addAbortSignal(signal, bytes);
  const fail = (cause: Error) => {
    bytes.destroy(new UsageError(`--file: cannot be read: ${cause.message}`, undefined, { cause }));
  };
  source.on("error", fail).pipe(bytes);
  return {
    bytes,
    sizeBytes,
    close() {
      source.unpipe(bytes);
      stop();
      bytes.destroy();
    },
  };
}
