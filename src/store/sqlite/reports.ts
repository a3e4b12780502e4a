import { and, count, desc, eq, gt, lte, max, min, type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant } from "../../dispatch/instant.js";
import type { HostFilter, HostReport, QueueStats } from "../../dispatch/reports.js";
import { startsWith } from "./list.js";
import { dispatches, events, hosts } from "./schema.js";

export function listHosts(
  db: BetterSQLite3Database,
  filter: HostFilter,
  after: Hostname | undefined,
  limit: number,
): HostReport[] {
  return hostnames(db, filter, after, limit).map((hostname) => ({
    hostname,
    seen: db.select().from(hosts).where(eq(hosts.hostname, hostname)).get(),
    pending: countPending(db, hostname),
    last: lastHandedOut(db, hostname),
  }));
}

function hostnames(
  db: BetterSQLite3Database,
  { hostname, hostnamePrefix }: HostFilter,
  after: Hostname | undefined,
  limit: number,
): Hostname[] {
  const conditions = (column: typeof hosts.hostname | typeof dispatches.hostname): SQL | undefined =>
    and(
      hostname && eq(column, hostname),
      hostnamePrefix ? startsWith(column, hostnamePrefix) : undefined,
      after && gt(column, after),
    );
  const seen = db
    .select({ hostname: hosts.hostname })
    .from(hosts)
    .where(conditions(hosts.hostname))
    .orderBy(hosts.hostname)
    .limit(limit)
    .all();
  const addressed = db
    .selectDistinct({ hostname: dispatches.hostname })
    .from(dispatches)
    .where(conditions(dispatches.hostname))
    .orderBy(dispatches.hostname)
    .limit(limit)
    .all();
  const all = new Set([...seen, ...addressed].map((row) => row.hostname));
  // As SQLite orders them: by bytes, which for ASCII is what sort does.
  return [...all].sort().slice(0, limit);
}

function countPending(db: BetterSQLite3Database, hostname: Hostname): number {
  const isPending = and(sql`state = 'pending'`, eq(dispatches.hostname, hostname));
  return db.select({ n: count() }).from(dispatches).where(isPending).get()?.n ?? 0;
}

function lastHandedOut(db: BetterSQLite3Database, hostname: Hostname): HostReport["last"] {
  const { rolloutId, state, changedAt, attempt } = dispatches;
  return db
    .select({ rolloutId, state, changedAt })
    .from(dispatches)
    .where(and(eq(dispatches.hostname, hostname), gt(attempt, 0)))
    .orderBy(desc(changedAt), desc(dispatches.sequence))
    .limit(1)
    .get();
}

/** @param states how many there are in each */
export function stats(db: BetterSQLite3Database, states: QueueStats["states"]): QueueStats {
  const oldest = db
    .select({ at: min(dispatches.enqueuedAt) })
    .from(dispatches)
    .where(sql`state = 'pending'`)
    .get();
  return {
    states,
    oldestPendingAt: oldest?.at ?? undefined,
    hosts: db.select({ n: count() }).from(hosts).get()?.n ?? 0,
  };
}

/** Goes through the index of what waits: 10,000 rows are about 10 ms. */
export function waitingHosts(db: BetterSQLite3Database, before: Instant, limit: number): Hostname[] {
  const { hostname, changedAt, notBefore } = dispatches;
  return db
    .selectDistinct({ hostname })
    .from(dispatches)
    .where(
      and(sql`state = 'pending'`, lte(changedAt, before), sql`(${notBefore} IS NULL OR ${notBefore} <= ${before})`),
    )
    .orderBy(hostname)
    .limit(limit)
    .all()
    .map((row) => row.hostname);
}

export function lastEventId(db: BetterSQLite3Database): number {
  return (
    db
      .select({ id: max(events.id) })
      .from(events)
      .get()?.id ?? 0
  );
}
