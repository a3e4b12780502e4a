import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { projectRoot } from "../e2e/support/command.js";
import { spawnProgram } from "../e2e/support/server.js";

/** `serve` as a newcomer starts it: without certificates, from the project's folder. */
export class DevelopmentServer {
  /** What it printed for its reader. */
  readonly guide: string;
  readonly url: string;
  readonly adminUrl: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, guide: string, { url, admin }: Listening) {
    this.#process = process;
    this.guide = guide;
    this.url = url;
    this.adminUrl = admin;
  }

  /** @param home where it keeps its state, unless a flag says something else */
  static async start(home: string, flags: readonly string[] = []): Promise<DevelopmentServer> {
    const ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    const child = spawnProgram(["serve", ...ports, ...flags], { HOME: home }, { cwd: projectRoot });
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error("no pipes");
    const log: string[] = [];
    const listening = new Promise<Listening>((resolve, reject) => {
      createInterface({ input: stderr }).on("line", (line) => {
        log.push(line);
        if (isListening(line)) resolve(JSON.parse(line));
      });
      child.once("exit", (code) => reject(new Error(`serve ended with ${code}:\n${log.join("\n")}`)));
    });
    const [guide, address] = await Promise.all([readGuide(stdout), listening]);
    return new DevelopmentServer(child, guide, address);
  }

  /** The commands that it printed, in order. */
  get commands(): string[] {
    return [...this.guide.matchAll(/^ {2}(\S.*)$/gm)].map(([, command = ""]) => command);
  }

  /** @returns the exit code */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode === null) {
      const exit = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      await exit;
    }
    return this.#process.exitCode;
  }
}

interface Listening {
  readonly url: string;
  readonly admin: string;
}

function isListening(line: string): boolean {
  return line.startsWith("{") && JSON.parse(line).msg === "listening";
}

/** To its last command, and the empty line behind it. */
async function readGuide(stdout: NodeJS.ReadableStream): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stdout })) {
    lines.push(line);
    if (line === "" && lines.at(-2)?.includes(" enqueue ")) break;
  }
  return lines.join("\n");
}
