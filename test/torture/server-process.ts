import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

export interface Launch {
  /** The built program. */
  readonly binary: string;
  /** Of `serve`. They have to say `--json`. */
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of Node.js, such as what is loaded before the program. */
  readonly nodeFlags?: readonly string[];
}

/** One process of the server, from its start until it has gone. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #port = 0;
  #errors: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, "exit").then(() => undefined);
    running.add(child);
    child.once("exit", () => running.delete(child));
    if (child.stderr === null) throw new Error("no stderr");
    createInterface({ input: child.stderr }).on("line", (line) => this.#heard(line));
  }

  /** Resolves once it listens. */
  static async start({ binary, flags, env = {}, nodeFlags = [] }: Launch): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...nodeFlags, binary, "serve", ...flags], {
      env: { PATH: process.env.PATH ?? "", HOME: tmpdir(), XDG_CONFIG_HOME: "/nonexistent", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C is for who drives it.
      detached: true,
    });
    const server = new ServerProcess(child);
    await server.#listening();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get wasKilled(): boolean {
    return this.#child.signalCode === "SIGKILL";
  }

  /** What it logged as an error, and what was no line of its log at all. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  exited(): Promise<void> {
    return this.#exited;
  }

  async #listening(): Promise<void> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("no stdout");
    const [line] = await Promise.race([once(createInterface({ input: stdout }), "line"), this.#exited.then(() => [])]);
    if (line === undefined) throw new Error(`serve ended before it listened: ${this.#errors.join("\n")}`);
    this.#port = Number(new URL(JSON.parse(String(line)).url).port);
  }

  #heard(line: string): void {
    // Not parsed: the last line of a process that was killed may be half a line.
    const isError = !line.startsWith("{") || /^{"level":[56]0,/.test(line);
    if (isError && this.#errors.length < maxErrors) this.#errors.push(line);
  }
}

const maxErrors = 50;
const running = new Set<ChildProcess>();

/** Nothing outlives this process. */
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
