import { withDeadline } from "./clock.js";
import type { Connect, Connection } from "./connection.js";
import { readCredentials } from "./credentials.js";
import { AgentError, toAgentError } from "./errors.js";
import type { LoopOptions } from "./options.js";

export interface LineCall<T> {
  /** How long it may take, connecting included, in milliseconds. */
  readonly ms: number;
  readonly signal: AbortSignal | undefined;
  readonly run: (connection: Connection, signal: AbortSignal) => Promise<T>;
}

/**
 * The way to the server of one iteration, for its polls and for what is said of its dispatches.
 *
 * It has one connection, opened when it is needed. A call that fails retires it: the calls that are still under way on it go
 * on, the next one opens another. A connection is closed when it is retired and its last call has ended. After `end` each is
 * retired from the start, so that the server can still be told of a dispatch and nothing stays open.
 */
export class Line {
  readonly #options: LoopOptions;
  readonly #connect: Connect;
  #current: Shared | undefined;
  #ended = false;

  constructor(options: LoopOptions, connect: Connect) {
    this.#options = options;
    this.#connect = connect;
  }

  /** @throws AgentError, or the reason of the signal */
  async call<T>({ ms, signal, run }: LineCall<T>): Promise<T> {
    signal?.throwIfAborted();
    const shared = this.#shared();
    const late = () => new AgentError("deadline", `no answer within ${Math.ceil(ms)} ms`);
    try {
      return await withDeadline({ clock: this.#options.clock, ms, signal, late }, (stop) => shared.use(run, stop));
    } catch (thrown) {
      if (signal?.aborted) throw signal.reason;
      const error = toAgentError(thrown);
      // Also after an error that the server answered with: the next call shall use the files as they are then, and may
      // reach another server behind the same name.
      if (!error.isVerdict) this.#retire(shared);
      throw error;
    }
  }

  end(): void {
    this.#ended = true;
    this.#current?.retire();
    this.#current = undefined;
  }

  #shared(): Shared {
    if (this.#current !== undefined) return this.#current;
    const shared = new Shared(this.#open());
    if (this.#ended) shared.retire();
    else this.#current = shared;
    return shared;
  }

  #retire(shared: Shared): void {
    shared.retire();
    if (this.#current === shared) this.#current = undefined;
  }

  async #open(): Promise<Connection> {
    const { credentials, server, waitSeconds, hostname, leaseSeconds, clock } = this.#options;
    const pems = await readCredentials(credentials);
    try {
      return this.#connect(pems, { server, waitSeconds, hostname, leaseSeconds, now: () => clock.now() });
    } catch (cause) {
      throw new AgentError("credentials", cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }
}

/** One connection and how many calls are under way on it. */
class Shared {
  readonly #connection: Promise<Connection>;
  #calls = 0;
  #retired = false;

  constructor(connection: Promise<Connection>) {
    this.#connection = connection;
  }

  async use<T>(run: LineCall<T>["run"], stop: AbortSignal): Promise<T> {
    this.#calls += 1;
    try {
      const connection = await this.#connection;
      stop.throwIfAborted();
      return await run(connection, stop);
    } finally {
      this.#calls -= 1;
      this.#closeIfDone();
    }
  }

  /** Takes no new calls. */
  retire(): void {
    this.#retired = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (!this.#retired || this.#calls > 0) return;
    // One that could not be opened has nothing to close; whoever called has heard of it.
    this.#connection.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }
}
