import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** One system call that has returned, with what its file descriptor stands for. */
export interface SystemCall {
  readonly name: string;
  /** A path, or such as `TCP:[127.0.0.1:8443->127.0.0.1:50000]`. */
  readonly file: string;
}

const traced = ["write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev", "fsync", "fdatasync"];

/** Watches what a running process asks of the kernel. */
export class Tracer {
  readonly #strace: ChildProcess;
  readonly #path: string;

  private constructor(strace: ChildProcess, path: string) {
    this.#strace = strace;
    this.#path = path;
  }

  static async attach(pid: number, path: string): Promise<Tracer> {
    const args = ["-f", "-yy", "-s", "0", "-e", `trace=${traced.join(",")}`, "-o", path, "-p", String(pid)];
    const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
    if (strace.stderr === null) throw new Error("no stderr");
    const [line] = await once(createInterface({ input: strace.stderr }), "line");
    if (!String(line).includes("attached")) throw new Error(String(line));
    return new Tracer(strace, path);
  }

  /** Everything so far, in the order in which it was done. The process goes on without being watched. */
  async detach(): Promise<SystemCall[]> {
    const ended = once(this.#strace, "exit");
    this.#strace.kill("SIGINT");
    await ended;
    return parseTrace(readFileSync(this.#path, "utf8"));
  }
}

/** Why there can be none here; `undefined` if there can. */
export function whyNoTracer(): string | undefined {
  const { error, status, stderr } = spawnSync("strace", ["-e", "trace=none", "true"], { encoding: "utf8" });
  if (error !== undefined) return `strace cannot be run: ${error.message}`;
  return status === 0 ? undefined : stderr.trim();
}

/** Calls that another thread's interrupts are in two lines, and count when they return. */
export function parseTrace(text: string): SystemCall[] {
  const unfinished = new Map<string, SystemCall>();
  const calls: SystemCall[] = [];
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const [, name, file] = /^(\w+)\(\d+<(.*?)>[,) ]/.exec(rest) ?? [];
    const call = name === undefined || file === undefined ? unfinished.get(pid) : { name, file };
    if (call === undefined) continue;
    if (rest.endsWith("<unfinished ...>")) unfinished.set(pid, call);
    else {
      unfinished.delete(pid);
      calls.push(call);
    }
  }
  return calls;
}

/** The answers on a port, and those of them that left while something in the write-ahead log was not on the disk yet. */
export function answersIn(calls: readonly SystemCall[], port: number): { afterSync: number; beforeSync: number } {
  const answers = { afterSync: 0, beforeSync: 0 };
  let state: "clean" | "written" | "synced" = "clean";
  for (const { name, file } of calls) {
    if (file.endsWith("-wal")) state = name.includes("sync") ? "synced" : "written";
    else if (file.startsWith("TCP") && file.includes(`:${port}->`)) {
      if (state === "synced") answers.afterSync += 1;
      if (state === "written") answers.beforeSync += 1;
      state = "clean";
    }
  }
  return answers;
}
