import { asc, count, gt } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { Steady } from "../../dispatch/instant.js";
import type { HostSeen } from "../../dispatch/ports.js";
import type { CalledRevocation } from "../../dispatch/revocation.js";
import { lastUsedEventId } from "./event-ids.js";
import { list, listEvents } from "./list.js";
import { assertOurDatabase, migrateDatabase } from "./migrate.js";
import { openDatabase } from "./open.js";
import { dispatches, events, hosts, revocations } from "./schema.js";
import { type BootClock, SteadyClock } from "./steady-clock.js";

/** Everything in one file, in the order of its keys, for another store. No server can have it open meanwhile. */
export interface Export {
  /** The present, by the clock that measures the leases of its rows. */
  readonly steady: Steady;
  /** Ids up to this one have been used, whether the events are still there or not. */
  readonly lastEventId: number;
  readonly counts: TableCounts;
  dispatches(after: DispatchRow | undefined, limit: number): DispatchRow[];
  events(after: DispatchEvent | undefined, limit: number): DispatchEvent[];
  hosts(after: HostSeen | undefined, limit: number): HostSeen[];
  revocations(after: CalledRevocation | undefined, limit: number): CalledRevocation[];
  close(): void;
}

/** Rows of each table. */
export type TableCounts = Readonly<Record<"dispatches" | "events" | "hosts" | "revocations", number>>;

/** @throws StoreOpenError, `held` if a server has it open */
export function openExport(path: string, clock: BootClock): Export {
  const client = openDatabase(path, (opened) => assertOurDatabase(opened, path));
  try {
    const db = migrateDatabase(client);
    return {
      steady: new SteadyClock(db, clock).read().steady,
      lastEventId: lastUsedEventId(db),
      counts: {
        dispatches: countRows(db, dispatches),
        events: countRows(db, events),
        hosts: countRows(db, hosts),
        revocations: countRows(db, revocations),
      },
      dispatches: (after, limit) => list(db, {}, after, limit),
      events: (after, limit) => listEvents(db, {}, after?.id ?? 0, limit),
      hosts: (after, limit) => hostsAfter(db, after, limit),
      revocations: (after, limit) => revocationsAfter(db, after, limit),
      close: () => void client.close(),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

function hostsAfter(db: BetterSQLite3Database, after: HostSeen | undefined, limit: number): HostSeen[] {
  const isAfter = after && gt(hosts.hostname, after.hostname);
  return db.select().from(hosts).where(isAfter).orderBy(asc(hosts.hostname)).limit(limit).all();
}

function revocationsAfter(db: BetterSQLite3Database, after: CalledRevocation | undefined, limit: number) {
  const isAfter = after && gt(revocations.subject, after.subject);
  return db.select().from(revocations).where(isAfter).orderBy(asc(revocations.subject)).limit(limit).all();
}

function countRows(db: BetterSQLite3Database, table: SQLiteTable): number {
  return db.select({ n: count() }).from(table).get()?.n ?? 0;
}
