// A server with its clients: what a work is measured on.

import { mkdirSync } from "node:fs";
import { start } from "./calls.mjs";
import { makeCertificates } from "./make-certificates.mjs";

let databases = 0;

/** Everything that one run of the bench makes, in one folder. */
export class Bench {
  /** The path of a file of `make-certificates.mjs`. */
  certificates;
  #agents = -1;

  constructor({ folder, profileTo }) {
    this.folder = folder;
    this.profileTo = profileTo;
  }

  /**
   * @param folder for databases and certificates
   * @param profileTo a folder for CPU profiles of the servers; `undefined`: none are taken
   */
  static async start(options) {
    const bench = new Bench(options);
    await bench.withAgents(0);
    return bench;
  }

  /** From now on so many agents have certificates, or more. They take a few milliseconds each to make. */
  async withAgents(count) {
    if (count <= this.#agents) return;
    this.#agents = count;
    this.certificates = await makeCertificates(this.folder, count);
  }

  /** A path for a database that is not there yet. */
  newDatabase() {
    databases += 1;
    const folder = `${this.folder}/db-${databases}`;
    mkdirSync(folder, { mode: 0o700 });
    return `${folder}/dispatch.db`;
  }

  /** @param options of `servers/product.mjs`; over plain HTTP with an empty database unless they say otherwise */
  product(options = {}) {
    const { certificates } = this;
    return this.#subject("servers/product.mjs", { certificates, db: this.newDatabase(), wire: "plain", ...options });
  }

  floor(wire = "plain", port = undefined) {
    const { certificates } = this;
    return this.#subject("servers/floor.mjs", { wire, port, ...(wire === "mtls" ? { certificates } : {}) });
  }

  minimal() {
    return this.#subject("servers/minimal.mjs", { wire: "plain", db: this.newDatabase() });
  }

  bareRpc(wire) {
    return this.#subject("servers/bare-rpc.mjs", { wire });
  }

  async #subject(file, options) {
    const certificates = options.wire === "mtls" ? this.certificates : undefined;
    const [server, client] = await Promise.all([
      start(file, options, { profileTo: this.profileTo }),
      start("client/client.mjs", { certificates }),
    ]);
    const port = await server.call("port");
    await client.call("useServer", port);
    return new Subject(server, client, { file, options, port, bench: this });
  }

  /** For `Subject.restart`. */
  startServer(file, options) {
    return start(file, options, { profileTo: this.profileTo });
  }
}

export class Subject {
  constructor(server, client, origin) {
    this.server = server;
    this.client = client;
    this.origin = origin;
  }

  /** Waits until that many agents are parked, each on its own connection. */
  async park(count) {
    await this.client.call("park", count);
    await this.parked(count);
  }

  async parked(count) {
    while ((await this.server.call("parked")) < count) await sleep(10);
    // What the registration leaves to be done: the product writes who is there 100 ms after the last, which takes longer for more.
    await sleep(180 + count / 50);
  }

  /** @returns what `work` returns, and the CPU that the server used meanwhile, in microseconds */
  async withCpu(work) {
    const before = await this.server.call("cpuMicros");
    const result = await work();
    return { result, cpuMicros: (await this.server.call("cpuMicros")) - before };
  }

  /** A new process of the same server, on the same port and the same database. */
  async restart() {
    const { file, options, port, bench } = this.origin;
    await this.server.stop();
    this.server = await bench.startServer(file, { ...options, port });
  }

  async stop() {
    await this.client.stop();
    await this.server.stop();
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs `work` with subjects that are started before and stopped after it, however it ends. */
export async function withSubjects(starters, work) {
  const names = Object.keys(starters);
  const starting = names.map((name) => starters[name]());
  try {
    const subjects = await Promise.all(starting);
    return await work(Object.fromEntries(names.map((name, i) => [name, subjects[i]])));
  } finally {
    const started = await Promise.allSettled(starting);
    await Promise.all(started.map(({ value }) => value?.stop()));
  }
}
