import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import type { TestPki } from "./pki.js";

/** The built program, as it is shipped. */
export const binary = fileURLToPath(new URL("../../../dist/src/main.js", import.meta.url));
if (!existsSync(binary)) throw new Error(`${binary} is not there: npm run build`);

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface ServerSettings {
  /** Further flags of `serve`; the certificates, the port and the database are set already. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a new file in a new folder. */
  readonly db?: string;
  /** The URL of a PostgreSQL in the place of the file. It goes in by the environment, since it has a password. */
  readonly postgres?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** One process of the server, with everything that it logs. */
export class TestServer {
  readonly log: LogLine[] = [];
  readonly #process: ChildProcess;
  readonly #waiting: { matches: (line: LogLine) => boolean; resolve: (line: LogLine) => void }[] = [];
  #stderr = "";
  #port = 0;
  #adminPort = 0;
  #folder: string | undefined;
  #db = "";

  private constructor(process: ChildProcess) {
    this.#process = process;
    if (process.stderr === null) throw new Error("no stderr");
    createInterface({ input: process.stderr }).on("line", (line) => this.#read(line));
  }

  static async start(pki: TestPki, settings: ServerSettings = {}): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-e2e-"));
    const db = settings.db ?? join(folder, "state", "dispatch.db");
    const flags = [
      ...["--listen", `127.0.0.1:${settings.port ?? 0}`, "--admin-listen", "127.0.0.1:0", "--json"],
      ...(settings.postgres === undefined ? ["--db", db] : []),
      ...["--tls-cert", pki.path("server.crt"), "--tls-key", pki.path("server.key"), "--client-ca", pki.path("ca.crt")],
      ...(settings.flags ?? []),
    ];
    const database = settings.postgres === undefined ? {} : { NIXFLEET_DISPATCH_DB: settings.postgres };
    const server = await TestServer.serve(flags, { ...database, ...settings.env });
    server.#folder = folder;
    server.#db = db;
    return server;
  }

  /** With these flags and no others, for starts that `start` would furnish too well. They have to say `--json`. */
  static async serve(flags: readonly string[], env?: Readonly<Record<string, string>>): Promise<TestServer> {
    const server = new TestServer(spawnProgram(["serve", ...flags], env));
    await server.#listening();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `https://localhost:${this.#port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#adminPort}`;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** The first line of the log that matches, whether it is there already or comes yet. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine> {
    const found = this.log.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ matches, resolve }));
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** @returns the exit code, or the signal that ended it */
  async exited(): Promise<number | string> {
    if (!this.hasExited) await once(this.#process, "exit");
    return this.#process.exitCode ?? this.#process.signalCode ?? "";
  }

  async stop(): Promise<number | string> {
    this.kill("SIGTERM");
    const result = await this.exited();
    this.removeFolder();
    return result;
  }

  /** Stops, and leaves the database to the next one. @returns its path; `removeFolder` is for the caller to call */
  async keepAndStop(): Promise<string> {
    this.kill("SIGTERM");
    await this.exited();
    return this.#db;
  }

  removeFolder(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("no stdout");
    const ready = once(createInterface({ input: stdout }), "line");
    const failed = once(this.#process, "exit").then(([code]) => {
      throw new Error(`serve ended with ${code}:\n${this.#stderr}`);
    });
    const [line] = await Promise.race([ready, failed]);
    failed.catch(() => undefined);
    const { url, admin_url } = JSON.parse(String(line));
    this.#port = Number(new URL(url).port);
    this.#adminPort = admin_url === null ? 0 : Number(new URL(admin_url).port);
  }

  #read(line: string): void {
    this.#stderr += `${line}\n`;
    const parsed: LogLine = line.startsWith("{") ? JSON.parse(line) : { msg: line };
    this.log.push(parsed);
    for (const waiting of this.#waiting) if (waiting.matches(parsed)) waiting.resolve(parsed);
  }
}

/** Runs the program with an environment of its own: no settings of the person who runs the tests reach it. */
export function spawnProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: { readonly uid?: number; readonly cwd?: string; readonly timeout?: number } = {},
): ChildProcess {
  const child = spawn(process.execPath, [binary, ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: tmpdir(), XDG_CONFIG_HOME: "/nonexistent", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...options,
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

const running = new Set<ChildProcess>();

/** A test that fails may leave its server running; it does not outlive the file's tests. */
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that should end and does not is ended before the test that waits for it gives up: nothing outlives it. */
const hangingMs = 50_000;

/** Runs the program to its end. */
export async function runProgram(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string; readonly uid?: number } = {},
): Promise<Finished> {
  const { uid } = options;
  const child = spawnProgram(args, options.env, { timeout: hangingMs, ...(uid !== undefined && { uid }) });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.stdin ?? "");
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}
