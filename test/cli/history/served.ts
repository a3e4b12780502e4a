import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { type RunningServer, type ServerOptions, startServer } from "../../../src/app.js";
import type { Io } from "../../../src/cli/io.js";
import { createTestPki, type TestPki } from "../../agent/certificates.js";
import { type Run, type RunOptions, start } from "../run-alone.js";

export const closure = "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** The project's server with an operator who runs commands, and agents that are no code of ours. */
export class Served {
  readonly #pki: TestPki;
  readonly #folder: string;
  readonly #server: RunningServer;
  readonly #agents: Agent[] = [];

  private constructor(pki: TestPki, folder: string, server: RunningServer) {
    this.#pki = pki;
    this.#folder = folder;
    this.#server = server;
  }

  static async start(options: Partial<ServerOptions> = {}): Promise<Served> {
    const pki = await createTestPki();
    const folder = await mkdtemp(join(tmpdir(), "history-command-"));
    const [alice, agent] = [await pki.operator("alice"), await pki.agent("web-01")];
    const files = {
      "ca.crt": pki.ca,
      "op.crt": alice.cert,
      "op.key": alice.key,
      "ag.crt": agent.cert,
      "ag.key": agent.key,
    };
    for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
    const server = await startServer({
      listen: { host: "127.0.0.1", port: 0 },
      adminListen: "none",
      tls: { ...pki.server, clientCa: pki.ca, operatorCa: undefined },
      db: { kind: "sqlite", path: join(folder, "dispatch.db") },
      agentCnSuffix: "fleet.lab.internal",
      operatorCn: ["operator-*"],
      revocations: undefined,
      pollsPerHost: 4,
      sweepMs: 60_000,
      drainTimeoutMs: 1_000,
      log: quiet,
      ...options,
    });
    return new Served(pki, folder, server);
  }

  /** Starts a command of the operator's. `options` are for its terminal. */
  start(
    command: (io: Io) => Command,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    options: Pick<RunOptions, "stdin" | "isTTY" | "columns"> = {},
  ): Run {
    const connection = ["--server", `https://127.0.0.1:${this.#server.port}`, "--ca", "ca.crt"];
    const identity = ["--cert", "op.crt", "--key", "op.key"];
    return start(command, [...connection, ...identity, ...args], { cwd: this.#folder, env, ...options });
  }

  get url(): string {
    return `https://127.0.0.1:${this.#server.port}`;
  }

  /** Where the operator's files are, and relative paths start. */
  get folder(): string {
    return this.#folder;
  }

  /** Runs a command of the operator's. */
  async run(...args: Parameters<Served["start"]>) {
    const run = this.start(...args);
    return { code: await run.ended, stdout: run.stdout.text, stderr: run.stderr.text };
  }

  /** All of them at once. */
  async enqueue(hostname: string, ...rollouts: readonly string[]): Promise<void> {
    const same = { hostname, targetClosure: closure, soakDueAt: new Date("2026-05-16T01:30:00Z") };
    await this.#server.enqueue?.(rollouts.map((rolloutId) => ({ ...same, rolloutId })));
  }

  /** An agent's calls, all of them on one connection that is kept. */
  async agent(id: string): Promise<AgentCalls> {
    const { cert, key } = await this.#pki.agent(id);
    const agent = new Agent({ ca: this.#pki.ca, cert, key, keepAlive: true, maxSockets: 1 });
    this.#agents.push(agent);
    const ask = (path: string, options: RequestOptions = {}, body?: unknown) =>
      call({ host: "127.0.0.1", port: this.#server.port, path: `/v1/agent/dispatch${path}`, agent, ...options }, body);
    const headers = { "content-type": "application/json" };
    return {
      take: (query) => ask(`?${query}`),
      post: (verb, body) => ask(`/${verb}`, { method: "POST", headers }, body),
      hangUp: () => agent.destroy(),
    };
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.destroy();
    await this.#server.close();
    await rm(this.#folder, { recursive: true });
  }
}

export interface AgentCalls {
  take(query: string): Promise<Reply>;
  post(verb: "ack" | "reject" | "extend", body: unknown): Promise<Reply>;
  hangUp(): void;
}

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** The token of a dispatch that was taken under a lease. */
export function tokenOf({ body }: Reply): string {
  const json: { lease: { token: string } } = JSON.parse(body);
  return json.lease.token;
}

function call(options: RequestOptions, body: unknown): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
