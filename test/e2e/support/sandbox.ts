import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedProgram } from "../../docs/shell.js";
import type { Finished } from "./server.js";

const isolate = ["--map-root-user", "--mount", "--net"] as const;

/** What has to be there for a {@link Sandbox}; the test that needs one is skipped where it is not. */
const tools = [
  ["unshare", ...isolate, "true"],
  ["nsenter", "--version"],
  ["ip", "-V"],
  ["jq", "--version"],
  ["script", "--version"],
  ["curl", "--version"],
] as const;

/** Why there can be none here; `undefined` if there can. */
export function whyNoSandbox(): string | undefined {
  const missing = tools.find(([file, ...args]) => spawnSync(file, args).status !== 0);
  return missing === undefined ? undefined : `cannot run: ${missing.join(" ")}`;
}

/**
 * A machine of its own, as far as the program can tell: a loopback interface with every port free, empty `/var/lib`,
 * `/var/backups` and `/run`, a home, and the program under its own name on the PATH. Command lines run there as they are printed.
 */
export class Sandbox {
  /** Where command lines start. */
  readonly folder: string;
  readonly #holder: ChildProcess;
  readonly #bin: string;
  readonly #running = new Set<LongRun>();
  readonly #joints: Server[] = [];
  #trust: Readonly<Record<string, string>> = {};

  private constructor(holder: ChildProcess, bin: string, folder: string) {
    this.#holder = holder;
    this.#bin = bin;
    this.folder = folder;
  }

  /** @param names host names that are this machine's */
  static async start(...names: readonly string[]): Promise<Sandbox> {
    const folder = mkdtempSync(join(tmpdir(), "nixfleet-sandbox-"));
    writeFileSync(join(folder, "hosts"), `127.0.0.1 localhost ${names.join(" ")}\n::1 localhost\n`);
    const make = [
      "ip link set lo up",
      "mount -t tmpfs none /var/lib",
      "mount -t tmpfs none /var/backups",
      "mount -t tmpfs none /run",
      `mount --bind '${join(folder, "hosts")}' /etc/hosts`,
      "echo ready",
      "exec sleep infinity",
    ];
    const holder = spawn("unshare", [...isolate, "sh", "-ec", make.join("\n")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    return new Sandbox(holder, installedProgram(folder), folder);
  }

  /** Puts a program on the PATH. */
  addProgram(name: string, script: string): void {
    writeFileSync(join(this.#bin, name), script, { mode: 0o755 });
  }

  /** Makes an authority one of those that the machine trusts. */
  trust(certPem: string): void {
    const path = join(this.folder, "trusted.crt");
    writeFileSync(path, certPem);
    this.#trust = { NODE_EXTRA_CA_CERTS: path };
  }

  /** Joins a port of its loopback interface with one of the real machine's, by way of a socket in a folder that both see. */
  async forward(inside: number, outside: number): Promise<void> {
    const path = join(this.folder, `${inside}.sock`);
    const joint = createServer((from) => pipeBoth(from, createConnection({ host: "127.0.0.1", port: outside })));
    this.#joints.push(joint);
    joint.listen(path);
    await once(joint, "listening");
    const script = `
      const { createServer, createConnection } = require("node:net");
      createServer((from) => { const to = createConnection("${path}"); from.pipe(to).pipe(from);
        from.on("error", () => to.destroy()); to.on("error", () => from.destroy()); })
        .listen(${inside}, "127.0.0.1", () => console.log("joined"));`;
    writeFileSync(join(this.folder, "forward.cjs"), script);
    await this.start(`exec '${process.execPath}' '${join(this.folder, "forward.cjs")}'`, this.home("forward")).printed(
      /joined/,
    );
  }

  /** A home for the command lines of one reader. */
  home(name: string): string {
    const home = join(this.folder, "homes", name);
    mkdirSync(home, { recursive: true });
    return home;
  }

  /** @param home its owner types the line */
  start(line: string, home: string): LongRun {
    const enter = ["--target", String(this.#holder.pid), "--user", "--preserve-credentials", "--mount", "--net"];
    const child = spawn("nsenter", [...enter, `--wd=${home}`, "bash", "-c", `set -o pipefail; ${line}`], {
      env: { PATH: `${this.#bin}:${process.env.PATH}`, HOME: home, TERM: "dumb", ...this.#trust },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, to which signals go as they do from a terminal.
      detached: true,
    });
    const run = new LongRun(child);
    this.#running.add(run);
    child.once("close", () => this.#running.delete(run));
    return run;
  }

  async run(line: string, home: string, input = ""): Promise<Finished> {
    const run = this.start(line, home);
    run.type(input);
    return run.ended();
  }

  async remove(): Promise<void> {
    for (const run of this.#running) run.signal("SIGKILL");
    for (const joint of this.#joints) joint.close();
    this.#holder.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function pipeBoth(one: Socket, other: Socket): void {
  one.pipe(other).pipe(one);
  one.on("error", () => other.destroy());
  other.on("error", () => one.destroy());
}

/** A command line under way. */
export class LongRun {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #changed = new EventEmitter();
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, "close").finally(() => this.#changed.emit("change"));
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      this.#stdout += text;
      this.#changed.emit("change");
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.#stderr += text;
      this.#changed.emit("change");
    });
    child.stdin?.on("error", () => undefined);
  }

  /** Types something and then the end of input. */
  type(text: string): void {
    this.#child.stdin?.end(text);
  }

  /** Waits until it has printed something that matches; fails if it ends before. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stdout + this.#stderr)) {
      const { exitCode } = this.#child;
      if (exitCode !== null) throw new Error(`ended with ${exitCode}: ${this.#stdout}${this.#stderr}`);
      await once(this.#changed, "change");
    }
  }

  /** As a terminal does it: to every program of the line. */
  signal(name: NodeJS.Signals): void {
    if (this.#child.pid !== undefined && this.#child.exitCode === null) process.kill(-this.#child.pid, name);
  }

  async ended(): Promise<Finished> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}
