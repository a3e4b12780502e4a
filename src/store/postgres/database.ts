import { Socket } from "node:net";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import type { Log } from "../../dispatch/ports.js";
import type { DatabaseAddress } from "./database-url.js";
import { instantFromText } from "./instant-text.js";
import { isWorthRepeating, runtimeError, unavailable, whyUnavailable } from "./runtime-error.js";

export interface DatabaseOptions {
  readonly address: DatabaseAddress;
  /** Shown in `pg_stat_activity`; the connections of one process have one in common. */
  readonly applicationName: string;
  readonly log: Log;
  /** Connections for statements; one more listens. */
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  /** Enforced by the database; half a second later by us, in case the database is not there to do it. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

export type Session = pg.PoolClient;

const clientGraceMs = 500;

/** How often a transaction is begun again that met another one. */
const mostTries = 5;

/** The pool of connections, and whether it makes sense to ask for one. */
export class Database {
  readonly #pool: pg.Pool;
  readonly #sockets = new Set<Socket>();
  #away: string | undefined;

  constructor(options: DatabaseOptions) {
    this.#pool = new pg.Pool({
      ...clientConfig(options),
      max: options.poolSize,
      stream: () => this.#openSocket(),
      query_timeout: options.statementTimeoutMs + clientGraceMs,
      idleTimeoutMillis: 60_000,
    });
    // Of connections that are idle: the next one to be used finds out by itself.
    this.#pool.on("error", (error) => options.log.debug({ err: error }, "an idle connection to the database broke"));
  }

  /** Why every call fails at once; `undefined` while the database answers. */
  get away(): string | undefined {
    return this.#away;
  }

  /** From now on calls fail at once, and so do those under way: they wait for nobody. */
  leave(why: string): void {
    this.#away = why;
    for (const socket of this.#sockets) socket.destroy();
  }

  comeBack(): void {
    this.#away = undefined;
  }

  /** One statement, which is its own transaction. @throws DispatchError `store_unavailable`, or the database's error */
  async query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<readonly Row[]> {
    return (await this.use((session) => session.query<Row>(config))).rows;
  }

  /** Reads with Drizzle, guarded like every other call. */
  read<T>(body: (db: NodePgDatabase) => Promise<T>): Promise<T> {
    return this.use((session) => body(drizzle(session)));
  }

  /**
   * One transaction. Begun again, from its first statement, if it met another one.
   *
   * @throws DispatchError `store_unavailable`, or the database's error
   */
  async transaction<T>(body: (session: Session) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.use((session) => inTransaction(session, body));
      } catch (error) {
        if (tries >= mostTries || !isWorthRepeating(error)) throw error;
      }
    }
  }

  /** A connection for as long as `body` runs; thrown away if it may have broken. */
  async use<T>(body: (session: Session) => Promise<T>): Promise<T> {
    if (this.#away !== undefined) throw unavailable(this.#away);
    const session = await this.#connect();
    session.on("error", onSessionError);
    let broken: boolean | undefined;
    try {
      return await body(session);
    } catch (error) {
      broken = whyUnavailable(error) !== undefined;
      throw this.#away === undefined ? runtimeError(error) : unavailable(this.#away, error);
    } finally {
      session.off("error", onSessionError);
      session.release(broken);
    }
  }

  /** How its connections are used now, and how many calls wait for one. */
  get poolUse(): { readonly idle: number; readonly busy: number; readonly waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { idle: idleCount, busy: totalCount - idleCount, waiting: waitingCount };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  #openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once("close", () => this.#sockets.delete(socket));
  }

  async #connect(): Promise<Session> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw runtimeError(error);
    }
  }
}

/** A connection that breaks says so twice: to the statement under way, which somebody waits for, and here, where nobody does. */
function onSessionError(): void {}

async function inTransaction<T>(session: Session, body: (session: Session) => Promise<T>): Promise<T> {
  await session.query("BEGIN");
  try {
    const result = await body(session);
    await session.query("COMMIT");
    return result;
  } catch (error) {
    // A connection that broke has rolled back by itself, and would fail here once more.
    if (whyUnavailable(error) === undefined) await session.query("ROLLBACK");
    throw error;
  }
}

/**
 * What every session has in common. Plans must not depend on statistics that lag behind: each statement of the hot path has
 * its index, and a plan made for an empty table would be kept for a full one.
 */
const sessionOptions = [
  "timezone=UTC",
  "datestyle=ISO",
  // Answered means on the disk, whatever the database's default is.
  "synchronous_commit=on",
  "jit=off",
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  "random_page_cost=0",
  "seq_page_cost=0",
  "plan_cache_mode=force_generic_plan",
];

export function clientConfig(options: DatabaseOptions): pg.ClientConfig {
  return {
    ...options.address,
    application_name: options.applicationName,
    options: sessionOptions.map((option) => `-c ${option}`).join(" "),
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
  };
}

const { builtins, getTypeParser: theirs } = pg.types;

/** 64-bit integers as numbers (none of ours comes near 2^53), instants to the microsecond. */
function getTypeParser(oid: number, format?: "text" | "binary") {
  if (oid === builtins.INT8) return Number;
  if (oid === builtins.TIMESTAMPTZ) return instantFromText;
  return theirs(oid, format);
}
