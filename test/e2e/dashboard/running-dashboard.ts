import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestPki } from "../support/pki.js";
import { spawnProgram, type TestServer } from "../support/server.js";

/** `nixfleet-dispatch dashboard`, as it is shipped. */
export class RunningDashboard {
  readonly #process: ChildProcess;
  readonly link: string;
  readonly port: number;
  stderr = "";

  private constructor(process: ChildProcess, { link, port }: { readonly link: string; readonly port: number }) {
    this.#process = process;
    this.link = link;
    this.port = port;
  }

  static async start(
    server: Pick<TestServer, "url">,
    pki: TestPki,
    { flags = [], operator = "operator" }: { readonly flags?: readonly string[]; readonly operator?: string } = {},
  ): Promise<RunningDashboard> {
    const child = spawnProgram([
      ...["dashboard", "--json", "--server", server.url, "--ca", pki.path("ca.crt")],
      ...["--cert", pki.path(`${operator}.crt`), "--key", pki.path(`${operator}.key`), ...flags],
    ]);
    if (child.stdout === null) throw new Error("no stdout");
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const dashboard = new RunningDashboard(child, JSON.parse(String(line)));
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      dashboard.stderr += text;
    });
    return dashboard;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get token(): string {
    return this.link.split("#")[1] ?? "";
  }

  /** Exchanges the token as the door's script does, and gives the cookie. */
  async letIn(): Promise<string> {
    const headers = { origin: this.origin };
    const response = await fetch(`${this.origin}/session`, { method: "POST", body: this.token, headers });
    return response.headers.get("set-cookie")?.split(";")[0] ?? "";
  }

  /** @returns the exit code */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    this.#process.kill("SIGINT");
    const [code] = await once(this.#process, "exit");
    return code;
  }
}
