import type Database from "better-sqlite3";
import { eq } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { DispatchKey, DispatchRow, NewDispatch, Taken } from "../../dispatch/dispatch.js";
import type { DispatchEvent, NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Instant, Moment } from "../../dispatch/instant.js";
import type { NewLeaseToken } from "../../dispatch/lease.js";
import type { Step, StepResult } from "../../dispatch/life.js";
import type {
  DispatchFilter,
  DispatchStore,
  DueReceipt,
  EnqueuedAndTaken,
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
import { keepNote } from "./change.js";
import { enqueue, type TakingAlong } from "./enqueue.js";
import { enqueueAndTake } from "./enqueue-and-take.js";
import { guardFile } from "./file-guard.js";
import { growLog } from "./grow-log.js";
import { latestEvents, list, listEvents } from "./list.js";
import { assertOurDatabase, migrateDatabase } from "./migrate.js";
import { openDatabase } from "./open.js";
import { prune } from "./prune.js";
import { compileStatements, type ReadyStatements } from "./ready-statements.js";
import { lastEventId, listHosts, stats, waitingHosts } from "./reports.js";
import { SqliteRevocations } from "./revocations.js";
import { runtimeError } from "./runtime-error.js";
import { hosts } from "./schema.js";
import { nextDueInMs, settleDue } from "./settle-due.js";
import { type BootClock, SteadyClock } from "./steady-clock.js";
import { take } from "./take.js";

export interface SqliteStoreOptions {
  readonly clock: BootClock;
  readonly newToken: NewLeaseToken;
  /** Hears of what the passing of time has done to a dispatch, once that is on disk. Default: nobody does. */
  readonly onDue?: (event: NewEvent) => void;
  /** Whether the log has its full length from the start; see `growLog`. Default: no. */
  readonly isLogGrown?: boolean;
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
  readonly #immediate: (body: () => void) => void;
  readonly #db: BetterSQLite3Database;
  readonly #newToken: NewLeaseToken;
  readonly #onDue: ((event: NewEvent) => void) | undefined;
  readonly #clock: SteadyClock;
  readonly #statements: ReadyStatements;
  readonly #assertInPlace: () => void;
  #sequence: number;
  /**
   * Whether anything may have an end: a lease, `not_before`, `not_after`. Where nothing has, a take is spared five look-ups,
   * which are a third of its time. Wrong in one direction only: it may be true for nothing.
   */
  #isTimed = true;
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

  private constructor(client: Database.Database, db: BetterSQLite3Database, options: SqliteStoreOptions) {
    const { clock, newToken, onDue } = options;
    this.#client = client;
    // Made once: making one costs more than an empty transaction.
    this.#immediate = client.transaction((body: () => void) => body()).immediate;
    this.#db = db;
    this.#newToken = newToken;
    this.#onDue = onDue;
    this.#clock = new SteadyClock(db, clock);
    this.#statements = compileStatements(client, db);
    this.revocations = new SqliteRevocations(db);
    this.#assertInPlace = guardFile(client.name);
    this.#sequence = this.#statements.lastSequence.get()?.last ?? 0;
    this.#settledAt = this.#clock.read().now;
    if (options.isLogGrown === true) growLog(client);
  }

  async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    if (this.#isTimed || wants.some((want) => beginsLease(want))) return this.#takeSettling(wants);
    return { taken: this.#takeUntimed(wants), due: nothingDue };
  }

  async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    const results = this.#transaction((moment) => {
      if (steps.some(({ kind }) => kind === "extend")) this.#clock.keepLast(moment);
      return steps.map((step) => apply(this.#statements, step, moment));
    });
    // What was delivered may be back in its window.
    this.#isTimed ||= results.some((result) => result.ok && result.change !== undefined && isTimed(result.change.row));
    return results;
  }

  async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    this.#isTimed ||= groups.some(({ dispatches }) => dispatches.some(isTimed));
    return this.#transaction((moment) => groups.map((group) => this.#enqueueGroup(group, moment)));
  }

  /** Where nothing has an end, and nothing here gets one. */
  async enqueueAndTake(
    groups: readonly EnqueueGroup[],
    wants: readonly TakeWant[],
  ): Promise<EnqueuedAndTaken | undefined> {
    const isTimedNow = this.#isTimed || groups.some(({ dispatches }) => dispatches.some(isTimed));
    if (isTimedNow || wants.some((want) => beginsLease(want))) return undefined;
    return this.#transaction((moment) => {
      const by = { moment, newToken: this.#newToken };
      return enqueueAndTake(this.#statements, { groups, wants }, by, (alongWith) =>
        groups.map((group) => this.#enqueueGroup(group, moment, alongWith)),
      );
    });
  }

  async settleDue(limit: number): Promise<DueReceipt> {
    const { due } = this.#settling(limit, (moment, hostnames) => {
      return { due: { hostnames, nextInMs: nextDueInMs(this.#statements, moment) } };
    });
    return due;
  }

  async note({ events, seen }: Notes): Promise<void> {
    this.#transaction(() => {
      for (const event of events) keepNote(this.#statements, event);
      for (const host of seen) this.#statements.putHost.run([host]);
    });
  }

  async find({ hostname, rolloutId }: DispatchKey): Promise<DispatchRow | undefined> {
    return this.#statements.find.get({ hostname, rolloutId })?.row;
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
    return stats(this.#db, this.#statements.counts.now);
  }

  async waitingHosts(before: Instant, limit: number): Promise<readonly Hostname[]> {
    return waitingHosts(this.#db, before, limit);
  }

  async lastEventId(): Promise<number> {
    return lastEventId(this.#db);
  }

  async prune(before: Instant, limit: number): Promise<number> {
    return this.#transaction(() => prune(this.#db, this.#statements, before, limit));
  }

  async check(): Promise<void> {
    this.#assertInPlace();
    this.#transaction(() => undefined);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #takeSettling(wants: readonly TakeWant[]): TakeReceipt {
    return this.#settling(maxDuePerTake, (moment, hostnames) => {
      const taken = wants.map((want) => this.#takeFor(want, moment));
      if (wants.some((want, i) => beginsLease(want, taken[i]?.length))) this.#clock.keepLast(moment);
      return { taken, due: { hostnames, nextInMs: nextDueInMs(this.#statements, moment) } };
    });
  }

  /** Where nothing has an end, and no take begins a lease: what a look does not find does not wait either. */
  #takeUntimed(wants: readonly TakeWant[]): Taken[][] {
    const { knownEmpty } = this.#statements;
    const hasNothing = (want: TakeWant) => hasJustCome(want) && knownEmpty.has(want.hostname);
    if (wants.every(hasNothing)) return wants.map(() => []);
    const taken = this.#transaction((moment) =>
      wants.map((want) => (hasNothing(want) ? [] : this.#takeFor(want, moment))),
    );
    for (const [i, { hostname, takers }] of wants.entries()) {
      if ((taken[i]?.length ?? 0) < takers.length) knownEmpty.add(hostname);
    }
    return taken;
  }

  #takeFor(want: TakeWant, moment: Moment): Taken[] {
    return take(this.#statements, want, moment, this.#newToken);
  }

  #enqueueGroup(group: EnqueueGroup, moment: Moment, alongWith?: TakingAlong): EnqueueReceipt {
    const nextSequence = () => {
      this.#sequence += 1;
      return this.#sequence;
    };
    const by = { moment, nextSequence, ...(alongWith && { alongWith }) };
    return { results: enqueue(this.#statements, group, by), enqueuedAt: moment.now };
  }

  /** A transaction that begins with what has fallen due. */
  #settling<T extends { readonly due: DueReceipt }>(
    limit: number,
    body: (moment: Moment, hostnames: ReadonlySet<Hostname>) => T,
  ): T {
    const { result, moment, events } = this.#transaction((moment) => {
      const { hostnames, events } = settleDue(this.#statements, { moment, since: this.#settledAt, limit });
      return { result: body(moment, hostnames), moment, events };
    });
    this.#settledAt = moment.now;
    this.#isTimed = result.due.nextInMs !== undefined;
    if (this.#onDue !== undefined) events.forEach(this.#onDue);
    return result;
  }

  #transaction<T>(body: (moment: Moment) => T): T {
    let result: { readonly of: T } | undefined;
    try {
      this.#immediate(() => {
        result = { of: body(this.#clock.read()) };
        this.#statements.events.flush();
      });
    } catch (error) {
      this.#statements.events.forget();
      this.#statements.counts.forget();
      throw runtimeError(error);
    }
    this.#statements.events.kept();
    this.#statements.counts.kept();
    if (result === undefined) throw new Error("a transaction has run nothing");
    return result.of;
  }
}

const nothingDue: DueReceipt = { hostnames: new Set(), nextInMs: undefined };

/** @param taken how many of its takers got something, or may */
function beginsLease({ takers }: TakeWant, taken = takers.length): boolean {
  return takers.slice(0, taken).some(({ terms }) => terms.kind !== "once");
}

/** Polls that wait are looked up because somebody says that there is something, or in case somebody should have: in the table. */
function hasJustCome({ takers }: TakeWant): boolean {
  return takers.every(({ parkedMs }) => parkedMs === null);
}

function isTimed({ notBefore, notAfter }: NewDispatch): boolean {
  return notBefore !== null || notAfter !== null;
}
