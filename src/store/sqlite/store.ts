import type Database from "better-sqlite3";
import { eq } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { DispatchKey, DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant, Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import type { Step, StepResult } from "../../dispatch/life.js";
import type {
  DispatchFilter,
  DispatchStore,
  DueReceipt,
  EnqueueGroup,
  EnqueueReceipt,
  EventFilter,
  HostSeen,
  Notes,
  TakeReceipt,
  TakeWant,
} from "../../dispatch/ports.js";
import type { HostFilter, HostReport, QueueStats, ReportStore } from "../../dispatch/reports.js";
import type { RevocationStore } from "../../dispatch/revocation.js";
import { apply } from "./apply.js";
import { addEvent } from "./change.js";
import { enqueue } from "./enqueue.js";
import { guardFile } from "./file-guard.js";
import { latestEvents, list, listEvents } from "./list.js";
import { assertOurDatabase, migrateDatabase } from "./migrate.js";
import { openDatabase } from "./open.js";
import { prune } from "./prune.js";
import { lastEventId, listHosts, stats } from "./reports.js";
import { SqliteRevocations } from "./revocations.js";
import { runtimeError } from "./runtime-error.js";
import { hosts } from "./schema.js";
import { nextDueInMs, settleDue } from "./settle-due.js";
import { prepareStatements, type Statements } from "./statements.js";
import { type BootClock, SteadyClock } from "./steady-clock.js";
import { take } from "./take.js";

export interface SqliteStoreOptions {
  readonly clock: BootClock;
  readonly newToken: NewLeaseToken;
}

/** A take settles what has fallen due first; this many rows, so that a batch of takes stays short. */
const maxDuePerTake = 64;

/**
 * The queue in one SQLite file that belongs to this process alone.
 *
 * The driver is synchronous: a call does its work, fsync included, before it returns its promise. Callers batch, so that
 * the event loop stands still once for many.
 */
export class SqliteStore implements DispatchStore, ReportStore {
  readonly revocations: RevocationStore;
  readonly #client: Database.Database;
  readonly #db: BetterSQLite3Database;
  readonly #newToken: NewLeaseToken;
  readonly #clock: SteadyClock;
  readonly #statements: Statements;
  readonly #assertInPlace: () => void;
  #sequence: number;
  /** When what is due was settled last. */
  #settledAt: Instant;

  /** @throws StoreOpenError with what to do about it */
  static open(path: string, options: SqliteStoreOptions): SqliteStore {
    const client = openDatabase(path, (opened) => assertOurDatabase(opened, path));
    try {
      return new SqliteStore(client, migrateDatabase(client), options);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  private constructor(client: Database.Database, db: BetterSQLite3Database, { clock, newToken }: SqliteStoreOptions) {
    this.#client = client;
    this.#db = db;
    this.#newToken = newToken;
    this.#clock = new SteadyClock(db, clock);
    this.#statements = prepareStatements(db);
    this.revocations = new SqliteRevocations(db);
    this.#assertInPlace = guardFile(client.name);
    this.#sequence = this.#statements.lastSequence.get()?.last ?? 0;
    this.#settledAt = this.#clock.read().now;
  }

  async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    return this.#settling((moment, hostnames) => {
      const taken = wants.map((want) => take(this.#statements, want, moment, this.#newToken));
      return { taken, due: { hostnames, nextInMs: nextDueInMs(this.#statements, moment) } };
    }, maxDuePerTake);
  }

  async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#transaction((moment) => steps.map((step) => apply(this.#statements, step, moment)));
  }

  async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    return this.#transaction((moment) => groups.map((group) => this.#enqueueGroup(group, moment)));
  }

  async settleDue(limit: number): Promise<DueReceipt> {
    return this.#settling((moment, hostnames) => {
      return { hostnames, nextInMs: nextDueInMs(this.#statements, moment) };
    }, limit);
  }

  async note({ events, seen }: Notes): Promise<void> {
    this.#transaction(() => {
      for (const event of events) addEvent(this.#statements, event);
      for (const host of seen) this.#statements.putHost.run({ ...host });
    });
  }

  async find({ hostname, rolloutId }: DispatchKey): Promise<DispatchRow | undefined> {
    return this.#statements.find.get({ hostname, rolloutId });
  }

  async list(filter: DispatchFilter, after: DispatchKey | undefined, limit: number): Promise<readonly DispatchRow[]> {
    return list(this.#db, filter, after, limit);
  }

  async listEvents(filter: EventFilter, afterId: number, limit: number): Promise<readonly DispatchEvent[]> {
    return listEvents(this.#db, filter, afterId, limit);
  }

  async latestEvents(key: DispatchKey, limit: number): Promise<readonly DispatchEvent[]> {
    return latestEvents(this.#db, key, limit);
  }

  async findHost(hostname: Hostname): Promise<HostSeen | undefined> {
    return this.#db.select().from(hosts).where(eq(hosts.hostname, hostname)).get();
  }

  async listHosts(filter: HostFilter, after: Hostname | undefined, limit: number): Promise<readonly HostReport[]> {
    return listHosts(this.#db, filter, after, limit);
  }

  async stats(): Promise<QueueStats> {
    return stats(this.#db);
  }

  async lastEventId(): Promise<number> {
    return lastEventId(this.#db);
  }

  async prune(before: Instant, limit: number): Promise<number> {
    return this.#transaction(() => prune(this.#db, before, limit));
  }

  async check(): Promise<void> {
    this.#assertInPlace();
    this.#transaction(() => undefined);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #enqueueGroup(group: EnqueueGroup, moment: Moment): EnqueueReceipt {
    const results = group.dispatches.map((dispatch) => {
      this.#sequence += 1;
      return enqueue(this.#statements, dispatch, group, { moment, sequence: this.#sequence });
    });
    return { results, enqueuedAt: moment.now };
  }

  /** A transaction that begins with what has fallen due. */
  #settling<T>(body: (moment: Moment, hostnames: ReadonlySet<Hostname>) => T, limit: number): T {
    let settledAt = this.#settledAt;
    const result = this.#transaction((moment) => {
      settledAt = moment.now;
      return body(moment, settleDue(this.#statements, moment, this.#settledAt, limit));
    });
    this.#settledAt = settledAt;
    return result;
  }

  #transaction<T>(body: (moment: Moment) => T): T {
    try {
      return this.#client.transaction(() => body(this.#clock.read())).immediate();
    } catch (error) {
      throw runtimeError(error);
    }
  }
}
