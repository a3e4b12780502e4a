import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, vi } from "vitest";
import type { TestPki } from "../support/pki.js";

const program = fileURLToPath(new URL("./agent.mjs", import.meta.url));

export interface AgentProcessOptions {
  readonly hostname: string;
  readonly port: number;
  /** The server's address as the agent sees it. Default: 127.0.0.1. */
  readonly address?: string;
  readonly query?: string;
  /** How many polls it makes. Default: 1. */
  readonly polls?: number;
  readonly http2?: boolean;
  /** What stands in front of its command line, such as `ip netns exec name`. */
  readonly prefix?: readonly string[];
}

/** A field agent in a process of its own. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(child: ChildProcess) {
    if (child.stdout === null) throw new Error("no stdout");
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    running.add(child);
    child.once("exit", () => running.delete(child));
  }

  static async start(pki: TestPki, options: AgentProcessOptions): Promise<AgentProcess> {
    const { hostname, port, address = "127.0.0.1", query = "?wait=60", polls = 1, http2 = false } = options;
    const path = pki.write(`process-${hostname}`, await pki.agent(hostname));
    const credentials = { ca: pki.path("ca.crt"), cert: `${path}.crt`, key: `${path}.key` };
    const settings = JSON.stringify({ ...credentials, host: address, port, query, polls, http2 });
    const [file = "", ...args] = [...(options.prefix ?? []), process.execPath, program, settings];
    return new AgentProcess(spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] }));
  }

  /** The next answer that it reports. To be asked for before it comes. */
  async answer(): Promise<{ readonly status: number; readonly body: string }> {
    const [line] = await once(this.#lines, "line");
    return JSON.parse(String(line));
  }

  /** Stops it where it stands. Resolves once the kernel has. */
  async stop(): Promise<void> {
    this.#child.kill("SIGSTOP");
    await vi.waitUntil(() => stateOf(this.#child) === "T", { timeout: 10_000 });
  }

  /** Lets it go on. */
  resume(): void {
    this.#child.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** The letter that the kernel has for what a process does. */
function stateOf({ pid }: ChildProcess): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

const running = new Set<ChildProcess>();

/** A test that fails may leave its agents behind; they do not outlive the file's tests. */
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});
