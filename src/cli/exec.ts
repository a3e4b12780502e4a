import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { type Dispatch, dispatchToJson, type Lease } from "../agent/index.js";
import type { OutputStream } from "./io.js";
import { LastLine } from "./last-line.js";

export interface ExecOptions {
  /** Run by `sh -c`. */
  readonly command: string;
  readonly dispatch: Dispatch & { readonly lease?: Lease };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Kills the command and what it has started when it aborts. */
  readonly kill: AbortSignal;
}

/** How a command failed. */
export interface ExecFailure {
  /** To be read after "the command": `ended with exit code 3`. */
  readonly how: string;
  /** The last line that it wrote to stderr, without control characters; empty if it wrote none. */
  readonly lastLine: string;
}

/** How long what the command wrote last may take to arrive, once it has ended. */
const outputGraceMs = 1_000;

/**
 * Runs a command with the dispatch as JSON on its stdin and in `NIXFLEET_*` variables.
 *
 * It gets a process group of its own: a Ctrl-C on the terminal goes to the whole group in front, and the command shall
 * be able to finish. What it leaves running in the background is not waited for.
 *
 * @returns how it failed, or `undefined` if it ended with exit code 0
 */
export async function execFor(options: ExecOptions): Promise<ExecFailure | undefined> {
  const { command, dispatch, cwd, kill } = options;
  const child = spawn("sh", ["-c", command], {
    cwd,
    detached: true,
    env: { ...options.env, ...dispatchVariables(dispatch) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const onKill = () => killGroup(child);
  kill.addEventListener("abort", onKill);
  if (kill.aborted) onKill();
  try {
    child.stdout.pipe(options.stdout, { end: false });
    child.stderr.pipe(options.stderr, { end: false });
    const errors = new LastLine();
    child.stderr.on("data", (chunk: Buffer) => errors.add(chunk));
    // A command that does not read its stdin closes it early, which is no failure.
    child.stdin.on("error", () => {});
    child.stdin.end(`${JSON.stringify(dispatchToJson(dispatch))}\n`);
    const how = await ended(child);
    await outputArrived(child);
    return how === undefined ? undefined : { how, lastLine: errors.text };
  } finally {
    kill.removeEventListener("abort", onKill);
  }
}

/** `{ NIXFLEET_HOSTNAME: …, NIXFLEET_ROLLOUT_ID: …, … }`, one for each of the five fields; under a lease the attempt too. */
function dispatchVariables(dispatch: ExecOptions["dispatch"]): Record<string, string> {
  const { lease, ...fields } = dispatchToJson(dispatch);
  const values = { ...fields, ...(lease === undefined ? {} : { attempt: String(lease.attempt) }) };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`NIXFLEET_${name.toUpperCase()}`, value]));
}

/** @returns how it failed, if it did */
function ended(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`cannot be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    });
  });
}

/** Its pipes close when nobody has them open any more, which may be long after if it left something running. */
async function outputArrived(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe instanceof Socket && !pipe.closed);
  await new Promise<void>((resolve) => {
    const grace = setTimeout(resolve, outputGraceMs);
    Promise.all(pipes.map((pipe) => new Promise((closed) => pipe?.once("close", closed)))).then(() => {
      clearTimeout(grace);
      resolve();
    });
  });
  // What still writes shall be read, but shall not keep this process from ending.
  for (const pipe of pipes) if (pipe instanceof Socket) pipe.unref();
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended in this very moment.
  }
}
