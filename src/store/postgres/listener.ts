import { Socket } from "node:net";
import pg from "pg";
import type { Cancel, Clock, Log, Random } from "../../dispatch/ports.js";
import { channel } from "./notify.js";
import { whyUnavailable } from "./runtime-error.js";

export interface ListenerOptions {
  readonly client: pg.ClientConfig;
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  readonly log: Log;
  /** A notification came in. */
  readonly onPayload: (payload: string) => void;
  /** Runs at each beat of the heart, on the connection that listens; fails if that, or the database, does not do. */
  readonly onBeat: (client: pg.Client) => Promise<void>;
  /** It listens (again): whatever was told in between was not heard. */
  readonly onListening: () => void;
  /** It does not listen, and a new connection does not come about either: the database is away. */
  readonly onAway: (why: string) => void;
}

/** A beat that is not answered in this time means that the connection is dead, whatever the system says of it. */
const beatTimeoutMs = 2_000;
const beatEveryMs = 1_000;

/** A database that is there answers a new connection in milliseconds. */
const connectTimeoutMs = 1_500;

/** Between two attempts, as a range: servers that lost the database together shall not come back together. */
const retryMs = { least: 200, most: 1_200 } as const;

/**
 * The one connection that listens for what the other servers tell.
 *
 * ```
 *  connecting ──── LISTEN done ────▶ listening
 *      ▲  │                             │ a beat is not answered, the socket closes, an error
 *      │  └─ fails: away, wait ─┐       │
 *      └────────────────────────┴───────┘ at once: a dead connection is not yet a database that is away
 * ```
 *
 * A connection can die without an error, so it has a heartbeat; the heart also tells that the database is away, before
 * statements have waited for it long.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #client: pg.Client | undefined;
  #socket = new Socket();
  #cancel: Cancel = () => undefined;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Resolves when it listens, or has found out that it cannot yet; it goes on trying then. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** @param farewell runs last on the connection, if there is one */
  async close(farewell: (client: pg.Client) => Promise<void>): Promise<void> {
    this.#closed = true;
    this.#cancel();
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    await farewell(client).catch(() => undefined);
    await client.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const { client: config, onBeat, onListening, onPayload } = this.#options;
    const socket = new Socket();
    const client = new pg.Client({
      ...config,
      stream: () => socket,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: beatTimeoutMs,
    });
    client.on("error", (error) => this.#broke(client, error));
    client.on("end", () => this.#broke(client, new Error("the connection ended")));
    client.on("notification", ({ payload = "" }) => onPayload(payload));
    this.#client = client;
    this.#socket = socket;
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      await onBeat(client);
    } catch (error) {
      this.#failed(client, error);
      return;
    }
    if (this.#client !== client) return;
    onListening();
    this.#beatLater(client);
  }

  #beatLater(client: pg.Client): void {
    this.#cancel = this.#options.clock.after(beatEveryMs, () => {
      this.#options.onBeat(client).then(
        () => {
          if (this.#client === client) this.#beatLater(client);
        },
        (error: unknown) => this.#broke(client, error),
      );
    });
  }

  /** It has listened, and does not any more. */
  #broke(client: pg.Client, error: unknown): void {
    if (!this.#drop(client)) return;
    this.#options.log.warn({ err: error }, "the connection that hears of the other servers broke");
    void this.#connect();
  }

  /** It did not come to listening. */
  #failed(client: pg.Client, error: unknown): void {
    if (!this.#drop(client)) return;
    this.#options.onAway(whyUnavailable(error) ?? "it refuses what this server asks");
    this.#options.log.debug({ err: error }, "no connection to the database yet");
    const { least, most } = retryMs;
    const waitMs = least + this.#options.random() * (most - least);
    this.#cancel = this.#options.clock.after(waitMs, () => void this.#connect());
  }

  /** @returns false if it was dropped before, or everything is over */
  #drop(client: pg.Client): boolean {
    if (this.#client !== client || this.#closed) return false;
    this.#client = undefined;
    this.#cancel();
    // Nobody waits for the goodbye of a connection that may be dead.
    this.#socket.destroy();
    return true;
  }
}
