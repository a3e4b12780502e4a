import type pg from "pg";
import { type Hostname, isHostname } from "../../dispatch/hostname.js";
import type { Ears, Neighbours, ParkedAt, ParkedChanges, ParkedHost } from "../../dispatch/neighbours.js";
import type { Clock, Log, Random } from "../../dispatch/ports.js";
import { arrays, type Column, unnest } from "./columns.js";
import { clientConfig, type Database, type DatabaseOptions } from "./database.js";
import { textFromInstant } from "./instant-text.js";
import { Listener } from "./listener.js";
import { anyHost, revocationsWord, wordFrom } from "./notify.js";

export interface NeighboursOptions {
  readonly database: Database;
  readonly connection: DatabaseOptions;
  readonly serverId: string;
  readonly serverName: string;
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  readonly log: Log;
  /** The database is there (again), and nothing of what it was asked before is still under way. */
  readonly onBack: () => Promise<void>;
}

/** Whose heart has not beaten for so long is gone; what it said of parked polls does not count any more. */
const deadAfter = "10 seconds";

/** The name of a server that is gone, and what it said, are removed by any other. */
const removedAfter = "1 minute";

/** The servers on this database, heard by LISTEN and seen in the tables `servers` and `parked`. */
export class PostgresNeighbours implements Neighbours {
  readonly #options: NeighboursOptions;
  readonly #listener: Listener;
  readonly #ears: Ears[] = [];
  #beats = 0;

  constructor(options: NeighboursOptions) {
    const { connection, database, clock, random, log } = options;
    this.#options = options;
    this.#listener = new Listener({
      client: { ...clientConfig(connection), application_name: `${connection.applicationName} listens` },
      clock,
      random,
      log,
      onPayload: (payload) => this.#heard(payload),
      onBeat: (client) => this.#beat(client),
      onListening: () => void this.#listening(),
      onAway: (why) => {
        if (database.away === undefined) log.error({ why }, "the database is away");
        database.leave(why);
      },
    });
  }

  /** Resolves when it hears the others, or has found out that it cannot yet. */
  start(): Promise<void> {
    return this.#listener.start();
  }

  listen(ears: Ears): void {
    this.#ears.push(ears);
  }

  async tellParked({ parked, gone }: ParkedChanges): Promise<void> {
    const { database, serverId } = this.#options;
    await database.transaction(async (session) => {
      await session.query("SET LOCAL synchronous_commit = off");
      if (gone.length > 0) await session.query({ name: "unpark", text: unparkText, values: [serverId, gone] });
      if (parked.length === 0) return;
      const values = [serverId, ...arrays(parkedColumns, parked)];
      await session.query({ name: "park", text: parkText, values });
    });
  }

  async parkedAt(hostnames: readonly Hostname[]): Promise<ReadonlyMap<Hostname, readonly ParkedAt[]>> {
    const { database, serverId } = this.#options;
    const rows = await database.query<ParkedAt & { hostname: Hostname }>({
      name: "parked-at",
      text: parkedAtText,
      values: [hostnames, serverId],
    });
    const found = new Map<Hostname, ParkedAt[]>();
    for (const { hostname, server, polls, since } of rows) {
      found.set(hostname, [...(found.get(hostname) ?? []), { server, polls, since }]);
    }
    return found;
  }

  async close(): Promise<void> {
    const values = [this.#options.serverId];
    await this.#listener.close(async (client) => {
      await client.query("DELETE FROM parked WHERE server_id = $1", values);
      await client.query("DELETE FROM servers WHERE id = $1", values);
    });
  }

  #heard(payload: string): void {
    const { serverId, about } = wordFrom(payload);
    if (serverId === this.#options.serverId) return;
    for (const ears of this.#ears) {
      if (about.includes(revocationsWord)) ears.revoked?.();
      else if (about.includes(anyHost)) ears.missed?.();
      else ears.kicked?.(about.filter(isHostname));
    }
  }

  async #beat(client: pg.Client): Promise<void> {
    const { serverId, serverName } = this.#options;
    await client.query({ name: "beat", text: beatText, values: [serverId, serverName] });
    // Not all servers in the same second.
    if (this.#beats % 30 === 15) await client.query({ name: "bury", text: buryText });
    this.#beats += 1;
  }

  async #listening(): Promise<void> {
    const { database, onBack, log } = this.#options;
    if (database.away !== undefined) log.info({}, "the database is back");
    database.comeBack();
    try {
      await onBack();
    } catch (error) {
      log.warn({ err: error }, "what was under way when the database went could not be cleared up; it is tried again");
    }
    for (const ears of this.#ears) ears.missed?.();
  }
}

/** Shows that the database can be written, besides. */
const beatText = `
INSERT INTO servers (id, name, started_at, alive_at) VALUES ($1, $2, clock_timestamp(), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET alive_at = excluded.alive_at, name = excluded.name`;

const buryText = `
WITH dead AS (DELETE FROM servers WHERE alive_at < clock_timestamp() - interval '${removedAfter}')
DELETE FROM parked WHERE server_id NOT IN (
  SELECT id FROM servers WHERE alive_at >= clock_timestamp() - interval '${removedAfter}'
)`;

const parkedColumns: readonly Column<ParkedHost>[] = [
  { name: "hostname", type: "text", of: ({ hostname }) => hostname },
  { name: "polls", type: "int", of: ({ polls }) => polls },
  { name: "since", type: "timestamptz", of: ({ since }) => textFromInstant(since) },
];

const parkText = `
INSERT INTO parked (server_id, hostname, polls, since)
SELECT $1::text, p.* FROM ${unnest(parkedColumns, 2)} AS p
ON CONFLICT (hostname, server_id) DO UPDATE SET polls = excluded.polls, since = excluded.since`;

const unparkText = "DELETE FROM parked WHERE server_id = $1 AND hostname = ANY($2::text[])";

const parkedAtText = `
SELECT p.hostname, s.name AS server, p.polls, p.since
FROM unnest($1::text[]) AS w (hostname)
JOIN parked AS p USING (hostname)
JOIN servers AS s ON s.id = p.server_id
WHERE p.server_id <> $2 AND s.alive_at > clock_timestamp() - interval '${deadAfter}'
ORDER BY p.since`;
