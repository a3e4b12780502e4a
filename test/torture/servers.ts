import { setTimeout as sleep } from "node:timers/promises";
import type { TestPki } from "../e2e/support/pki.js";
import type { ServerUrl } from "./drivers/clients.js";
import { pause, type Stage } from "./drivers/stage.js";
import { type Launch, ServerProcess } from "./server-process.js";

export interface ServersOptions {
  readonly binary: string;
  readonly pki: TestPki;
  /** As `serve --db` takes it. With several servers it has to be one that they can share. */
  readonly db: string;
  readonly env?: Launch["env"];
  readonly nodeFlags?: Launch["nodeFlags"];
}

/** How servers have ended so far. */
export interface Ends {
  /** SIGKILL at a random moment. */
  killed: number;
  /** SIGKILL by itself at a fail point, between a commit and its answer. */
  failed: number;
  /** SIGTERM. */
  stopped: number;
  /** By themselves, otherwise: they should not have. */
  crashed: number;
}

const failPoints = ["enqueue-committed", "take-committed", "step-committed"] as const;

/** One server of the queue, as one process after the other, always on the same port and database. */
export class Server {
  readonly #options: ServersOptions;
  readonly #ends: Ends;
  #flags: readonly string[] = [];
  readonly #errors: string[] = [];
  #process: ServerProcess | undefined;
  #port = 0;

  constructor(options: ServersOptions, ends: Ends) {
    this.#options = options;
    this.#ends = ends;
  }

  get url(): ServerUrl {
    return `https://localhost:${this.#port}`;
  }

  /** What its processes have logged as errors since this was asked last. */
  takeErrors(): string[] {
    return [...this.#errors.splice(0), ...(this.#process?.errors ?? [])];
  }

  /** @param flags how takes without a lease are delivered */
  async start(flags: readonly string[], failPoint?: string): Promise<void> {
    const { binary, pki, db, env, nodeFlags } = this.#options;
    const tls = ["--tls-cert", pki.path("server.crt"), "--tls-key", pki.path("server.key")];
    const places = ["--listen", `127.0.0.1:${this.#port}`, "--admin-listen", "none"];
    // No sweep: what only that would find has been lost.
    const rest = ["--client-ca", pki.path("ca.crt"), "--sweep", "1h", "--drain-timeout", "2s", "--log-level", "warn"];
    this.#flags = flags;
    this.#errors.push(...(this.#process?.errors ?? []));
    this.#process = await startPatiently({
      binary,
      flags: [...places, ...tls, ...rest, "--json", ...flags],
      // Not on the command line, where a URL must not have a password.
      env: {
        ...env,
        NIXFLEET_DISPATCH_DB: db,
        ...(failPoint !== undefined && { NIXFLEET_DISPATCH_FAILPOINT: failPoint }),
      },
      ...(nodeFlags !== undefined && { nodeFlags }),
    });
    this.#port = this.#process.port;
  }

  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    if (this.#process !== undefined) await within(exitWithinMs, this.#process.exited(), "a server did not end");
  }

  /** Ends it at random moments and starts it again, until all is to be calm; then once more, to live on. */
  async torment({ recorder, dice, calm }: Stage, uptimeMs: number): Promise<void> {
    let fromMs = recorder.now();
    const restarted = async (failPoint?: string) => {
      await this.start(this.#flags, failPoint).catch(async (error: unknown) => {
        if (failPoint === undefined) throw error;
        // It got there before it could say that it listens.
        this.#ends.failed += 1;
        await this.start(this.#flags);
      });
      recorder.add({ kind: "down", server: this.url, fromMs, toMs: recorder.now() });
    };
    while (!calm.aborted) {
      const ended = this.#process?.exited();
      await Promise.race([pause(dice.between(0, 2 * uptimeMs), calm), ended]);
      fromMs = recorder.now() - seenLateMs;
      await this.#end(calm.aborted || dice.chance(0.1) ? "SIGTERM" : "SIGKILL");
      const isToFail = !calm.aborted && dice.chance(0.25);
      await restarted(isToFail ? `${dice.pick(failPoints)}=${dice.whole(1, 40)}` : undefined);
    }
    // Started while it became calm, it may be on its way to a fail point.
    fromMs = recorder.now() - seenLateMs;
    await this.#end("SIGTERM");
    await restarted();
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.#process?.isRunning) {
      this.#process.kill(signal);
      await within(exitWithinMs, this.#process.exited(), `a server did not end after ${signal}`);
      this.#ends[signal === "SIGKILL" ? "killed" : "stopped"] += 1;
    } else this.#ends[this.#process?.wasKilled ? "failed" : "crashed"] += 1;
  }
}

/** While it was down somebody else may have got its port for a moment: a client's connection is enough. */
async function startPatiently(launch: Launch): Promise<ServerProcess> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await within(startWithinMs, ServerProcess.start(launch), "a server did not get to listening");
    } catch (error) {
      if (tries === 20 || !(error instanceof Error && error.message.includes("is in use"))) throw error;
      await sleep(500);
    }
  }
}

/** On a machine that has much else to do. */
const startWithinMs = 60_000;
const exitWithinMs = 30_000;

async function within<T>(ms: number, promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${otherwise} within ${ms} ms`)), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A process that ends by itself has ended a little before anybody hears of it. */
const seenLateMs = 100;
