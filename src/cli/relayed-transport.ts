import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Connection } from "./connect.js";

/** A connection, and how many calls go over it. */
interface Held {
  readonly connection: Connection;
  calls: number;
  isLeft: boolean;
}

/**
 * A way to the server that lasts for days: after an answer that says that the certificate does not hold (any more), or that
 * the server is away, the next call connects anew, with the files read anew.
 */
export class LastingConnection {
  readonly #connect: () => Promise<Connection>;
  readonly #all = new Set<Held>();
  #current: Promise<Held> | undefined;

  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  readonly transport: Transport = {
    unary: async (method, ...call) => {
      const held = await this.#begin();
      try {
        const answer = await held.connection.transport.unary(method, ...call);
        this.#end(held);
        return answer;
      } catch (thrown) {
        this.#end(held, thrown);
        throw thrown;
      }
    },
    stream: async (method, ...call) => {
      const held = await this.#begin();
      try {
        const answer = await held.connection.transport.stream(method, ...call);
        return { ...answer, message: ending(answer.message, (thrown) => this.#end(held, thrown)) };
      } catch (thrown) {
        this.#end(held, thrown);
        throw thrown;
      }
    },
  };

  /** Closes the sockets, also those in use. */
  close(): void {
    for (const { connection } of this.#all) connection.close();
  }

  async #begin(): Promise<Held> {
    this.#current ??= this.#connect().then((connection) => {
      const held: Held = { connection, calls: 0, isLeft: false };
      this.#all.add(held);
      return held;
    });
    const current = this.#current;
    try {
      const held = await current;
      held.calls += 1;
      return held;
    } catch (thrown) {
      if (this.#current === current) this.#current = undefined;
      throw thrown;
    }
  }

  /** @param thrown what the call failed with */
  #end(held: Held, thrown?: unknown): void {
    held.calls -= 1;
    if (isWorthConnectingAnew(thrown) && !held.isLeft) {
      held.isLeft = true;
      this.#current = undefined;
    }
    if (!held.isLeft || held.calls > 0) return;
    this.#all.delete(held);
    held.connection.close();
  }
}

/** @param onEnd called once, however it ends */
async function* ending<T>(messages: AsyncIterable<T>, onEnd: (thrown?: unknown) => void): AsyncGenerator<T> {
  let broke: unknown;
  try {
    yield* messages;
  } catch (thrown) {
    broke = thrown;
    throw thrown;
  } finally {
    onEnd(broke);
  }
}

const codes: ReadonlySet<Code> = new Set([Code.Unauthenticated, Code.Unavailable, Code.Aborted]);

function isWorthConnectingAnew(thrown: unknown): boolean {
  return thrown instanceof ConnectError && codes.has(thrown.code);
}
