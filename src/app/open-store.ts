import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { NewEvent } from "../dispatch/event.js";
import { leaseTokenFrom } from "../dispatch/lease.js";
import type { Neighbours } from "../dispatch/neighbours.js";
import type { Clock, DispatchStore, Random } from "../dispatch/ports.js";
import type { ReportStore } from "../dispatch/reports.js";
import type { RevocationStore } from "../dispatch/revocation.js";
import { parseDatabaseUrl, shownUrl } from "../store/postgres/database-url.js";
import { PostgresStore } from "../store/postgres/store.js";
import { SqliteStore } from "../store/sqlite/store.js";
import { bootId } from "../telemetry/clock.js";
import type { PoolUse } from "../telemetry/metrics-state.js";
import type { PostgresTarget, ServerOptions } from "./options.js";

export interface Store extends DispatchStore, ReportStore {
  readonly revocations: RevocationStore;
}

export interface OpenedStore {
  readonly store: Store;
  /** The other servers on it; `undefined` for a store that this process has to itself. */
  readonly neighbours: Neighbours | undefined;
  /** Path of SQLite's write-ahead log. */
  readonly walPath: string | undefined;
  /** How PostgreSQL's connections are used now. */
  readonly pool: (() => PoolUse) | undefined;
}

interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly onDue: (event: NewEvent) => void;
}

/**
 * @returns `undefined` with `db: none`
 * @throws StoreOpenError, DatabaseOpenError, DatabaseUrlError, or DispatchError `store_unavailable`
 */
export async function openStore(options: ServerOptions, surroundings: Surroundings): Promise<OpenedStore | undefined> {
  const { db } = options;
  switch (db.kind) {
    case "none":
      return undefined;
    case "sqlite":
      return openSqlite(db.path, surroundings);
    case "postgres":
      return openPostgres(db, options, surroundings);
    default:
      return db satisfies never;
  }
}

const newToken = () => leaseTokenFrom(randomBytes(16));

function openSqlite(path: string, { clock, onDue }: Surroundings): OpenedStore {
  const bootClock = { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), bootId: bootId() };
  const store = SqliteStore.open(path, { clock: bootClock, newToken, onDue, isLogGrown: true });
  return { store, neighbours: undefined, walPath: `${path}-wal`, pool: undefined };
}

async function openPostgres(
  { url, kind, ...limits }: PostgresTarget,
  { log, serverName = hostname() }: ServerOptions,
  surroundings: Surroundings,
): Promise<OpenedStore> {
  const serverId = randomBytes(9).toString("base64url");
  const store = await PostgresStore.open({
    ...surroundings,
    ...limits,
    log,
    newToken,
    serverId,
    serverName,
    address: parseDatabaseUrl(url),
    where: shownUrl(url),
    // PostgreSQL keeps 63 bytes of it, of which the connection that listens needs eight.
    applicationName: `nixfleet-dispatch ${serverName.slice(0, 24)} ${serverId}`,
  });
  return { store, neighbours: store.neighbours, walPath: undefined, pool: () => store.poolUse };
}
