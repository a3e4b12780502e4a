import { EventEmitter } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Io } from "../../src/cli/io.js";
import { run } from "../../src/cli/program.js";

/** What a command line did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** An `Io` that keeps what is printed. Nothing of the process's environment leaks in. */
export function recordingIo({ env = {}, cwd = "/", stdin = "" }: Surroundings = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const signals = new EventEmitter();
  const io: Io = { stdin: Readable.from([stdin]), stdout, stderr, env, cwd, signals };
  const read = (stream: PassThrough): string => String(stream.read() ?? "");
  return { io, signals, printed: () => ({ stdout: read(stdout), stderr: read(stderr) }) };
}

/** Runs one command line in this process. */
export async function runCommand(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const { io, printed } = recordingIo(surroundings);
  const code = await run(args, io);
  return { code, ...printed() };
}
