// Calls between the bench and its processes, over the channel that `fork` gives them.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** In a child: answers the parent's calls with these functions, until the parent has gone. */
export function answerCalls(functions) {
  process.on("message", async ({ id, name, args }) => {
    try {
      process.send({ id, result: await functions[name](...args) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.on("disconnect", () => process.exit());
  process.send({ ready: true });
}

/**
 * Starts a file of this folder as a process of its own, with `options` as its argument.
 *
 * @returns what calls its functions by their names, once it is ready
 */
export async function start(file, options, { profileTo } = {}) {
  const profile = profileTo === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileTo}`];
  const child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), [JSON.stringify(options)], {
    execArgv: ["--expose-gc", "--max-old-space-size=4096", ...profile],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const remote = new Remote(child, file);
  await remote.ready;
  return remote;
}

class Remote {
  #child;
  #waiting = new Map();
  #nextId = 0;
  #exited;

  constructor(child, file) {
    this.#child = child;
    this.ready = new Promise((resolve, reject) => {
      child.on("message", ({ ready, id, result, error }) => {
        if (ready) return resolve();
        const { resolve: done, reject: failed } = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error === undefined) done(result);
        else failed(new Error(`${file}: ${error}`));
      });
      child.once("exit", (code) => reject(new Error(`${file} ended with ${code} before it was ready`)));
    });
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        const ended = new Error(`${file} ended with ${code ?? signal} under a call`);
        for (const { reject } of this.#waiting.values()) reject(ended);
        resolve();
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  call(name, ...args) {
    this.#nextId += 1;
    const id = this.#nextId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, args });
    });
  }

  /** By the end of its channel, so that it can write its profile; it is not asked to drain. */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }
}
