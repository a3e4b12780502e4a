import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Databases, password, user } from "./databases.js";
import { EmbeddedPostgres } from "./embedded.js";

export interface ClusterOptions {
  /** Whether commits wait for the disk. Default: no, since no test takes the power away. */
  readonly fsync?: boolean;
  /** In PEM. Default: it serves without TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** How often another port is tried when somebody took the one that was free a moment ago. */
const mostTries = 5;

/** A real PostgreSQL of a test's own, on a free port, in a folder that goes with it. */
export class Cluster extends Databases {
  readonly folder: string;
  readonly #server: InstanceType<typeof EmbeddedPostgres>;

  private constructor(port: number, folder: string, options: ClusterOptions) {
    super(port);
    this.folder = folder;
    const { fsync = false, tls } = options;
    const own =
      tls === undefined ? [] : ["ssl=on", `ssl_cert_file=${folder}/server.crt`, `ssl_key_file=${folder}/server.key`];
    const all = [`fsync=${fsync ? "on" : "off"}`, "max_connections=300", "unix_socket_directories=", ...own];
    this.#server = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user,
      password,
      authMethod: "scram-sha-256",
      // As root, PostgreSQL refuses to run.
      createPostgresUser: process.getuid?.() === 0,
      persistent: true,
      initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"],
      postgresFlags: all.flatMap((setting) => ["-c", setting]),
      onLog: () => undefined,
      onError: () => undefined,
    });
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    for (let tries = 1; ; tries += 1) {
      const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-pg-"));
      // The user that PostgreSQL runs as has to get through.
      chmodSync(folder, 0o755);
      const cluster = new Cluster(await freePort(), folder, options);
      try {
        await cluster.#server.initialise();
        if (options.tls !== undefined) writeTls(folder, options.tls);
        await cluster.up();
        return cluster;
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        if (tries === mostTries) throw new Error("PostgreSQL does not start", { cause: error });
      }
    }
  }

  /** Starts it again, on the same data. */
  async up(): Promise<void> {
    await this.#server.start();
  }

  /** As if the machine had lost its power, apart from the disk: no transaction is ended, no client is told. */
  async kill(): Promise<void> {
    // As `pg_ctl stop -m immediate` does.
    process.kill(this.#pid, "SIGQUIT");
    // The package waits for the end with us. It would wait for it at the end of the tests otherwise, in vain.
    await this.#server.stop();
  }

  /** All its processes stand still from now on; whoever has asked them waits. */
  freeze(): void {
    this.#signalAll("SIGSTOP");
  }

  thaw(): void {
    this.#signalAll("SIGCONT");
  }

  #signalAll(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
    for (const pid of childrenOf(this.#pid)) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // A child ends when its client has gone, which may be just now.
        if (isAlive(pid)) throw error;
      }
    }
  }

  get #pid(): number {
    const [line = ""] = readFileSync(this.#pidFile, "utf8").split("\n");
    return Number(line);
  }

  get #pidFile(): string {
    return join(this.folder, "data", "postmaster.pid");
  }

  /** Whatever became of it before: it may be stopped where it stands, or dead. */
  async stop(): Promise<void> {
    if (existsSync(this.#pidFile) && isAlive(this.#pid)) this.thaw();
    // Who holds it would wait, at the end of this process, for the end of one that has ended.
    else await this.up();
    await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** For the user that PostgreSQL runs as, and for nobody else, as it demands. */
function writeTls(folder: string, { cert, key }: { readonly cert: string; readonly key: string }): void {
  const { uid, gid } = statSync(join(folder, "data"));
  for (const [name, text] of Object.entries({ "server.crt": cert, "server.key": key })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    chownSync(join(folder, name), uid, gid);
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is none.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
