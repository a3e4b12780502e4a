import { EventEmitter, once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Command } from "commander";
import { exitNameOf, exitTable } from "../../src/cli/exit.js";
import type { Io } from "../../src/cli/io.js";
import { printError } from "../../src/cli/output.js";

/** A command under way, whose output can be waited for. */
export interface Run {
  /** What listens for signals. */
  readonly signals: EventEmitter;
  send(signal: string): void;
  /** The exit code. */
  readonly ended: Promise<number>;
  readonly stdout: Watched;
  readonly stderr: Watched;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Io["stdin"];
  readonly isTTY?: boolean;
  /** Makes stdout a terminal of so many columns. */
  readonly columns?: number;
}

/** Starts one command without the program around it. */
export function start(
  command: (io: Io) => Command,
  args: readonly string[],
  { cwd = "/", env = {}, stdin = Readable.from([]), isTTY = false, columns }: RunOptions = {},
): Run {
  const stdout = new Watched();
  const stderr = new Watched();
  const signals = new EventEmitter();
  const io: Io = {
    stdin,
    stdout: columns === undefined ? stdout.stream : Object.assign(stdout.stream, { isTTY: true, columns }),
    stderr: Object.assign(stderr.stream, { isTTY, columns: 100 }),
    env: { PATH: process.env.PATH, ...env },
    cwd,
    signals,
  };
  const run = async (): Promise<number> => {
    try {
      await command(io).exitOverride().parseAsync(args, { from: "user" });
      return exitTable.ok.code;
    } catch (thrown) {
      printError(io, thrown);
      return exitTable[exitNameOf(thrown)].code;
    }
  };
  // Node.js passes the name along.
  return { signals, send: (signal) => void signals.emit(signal, signal), ended: run(), stdout, stderr };
}

/** What was written to a stream. */
export class Watched {
  readonly stream = new PassThrough();
  readonly #changed = new EventEmitter();
  text = "";

  constructor() {
    this.stream.on("data", (chunk) => {
      this.text += chunk;
      this.#changed.emit("change");
    });
  }

  /** The first match; waits until there is one. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      await once(this.#changed, "change");
    }
  }
}
