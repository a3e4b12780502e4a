import { randomInt } from "node:crypto";
import type { DispatchKey, DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent, NewEvent } from "../../dispatch/event.js";
import type { Hostname } from "../../dispatch/hostname.js";
import { type Instant, instantFromMs } from "../../dispatch/instant.js";
import type { LeaseToken, NewLeaseToken } from "../../dispatch/lease.js";
import type { Step, StepResult } from "../../dispatch/life.js";
import type {
  Clock,
  DispatchFilter,
  DispatchStore,
  DueReceipt,
  EnqueueGroup,
  EnqueueReceipt,
  EventFilter,
  HostSeen,
  Notes,
  Random,
  TakeReceipt,
  TakeWant,
} from "../../dispatch/ports.js";
import type { HostFilter, HostReport, QueueStats, ReportStore } from "../../dispatch/reports.js";
import type { RevocationStore } from "../../dispatch/revocation.js";
import { apply } from "./apply.js";
import { Database, type DatabaseOptions, type Session } from "./database.js";
import { backendOf, Doubts } from "./doubts.js";
import { enqueue } from "./enqueue.js";
import { eventHorizon } from "./event-horizon.js";
import { assertNoCopy } from "./import.js";
import { find, latestEvents, list, listEvents } from "./list.js";
import { migrateDatabase } from "./migrate.js";
import type { MomentSource } from "./moment.js";
import { PostgresNeighbours } from "./neighbours.js";
import { note } from "./note.js";
import { type Announcement, channel, hostPayloads } from "./notify.js";
import { prune } from "./prune.js";
import { findHost, listHosts, stats, waitingHosts } from "./reports.js";
import { PostgresRevocations } from "./revocations.js";
import { whyUnavailable } from "./runtime-error.js";
import { type Settled, settleDue } from "./settle-due.js";
import { asksForLease, type TakeAnswer, type TakeCall, take } from "./take.js";

export interface PostgresStoreOptions extends DatabaseOptions {
  /** The database for people and logs: without its password. */
  readonly where: string;
  /** Of this process, among all servers of the database. No spaces. */
  readonly serverId: string;
  /** The same for people. */
  readonly serverName: string;
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  readonly newToken: NewLeaseToken;
  /** Hears of what the passing of time has done to a dispatch, once that is on disk. Default: nobody does. */
  readonly onDue?: (event: NewEvent) => void;
  /** Default: the database's clock decides. */
  readonly moment?: MomentSource;
}

/** A take settles what has fallen due first; this many rows, so that a batch of takes stays short. */
const maxDuePerTake = 64;

/** The queue in a PostgreSQL database that any number of servers share. */
export class PostgresStore implements DispatchStore, ReportStore {
  readonly revocations: RevocationStore;
  readonly neighbours: PostgresNeighbours;
  readonly #database: Database;
  readonly #doubts: Doubts;
  readonly #options: PostgresStoreOptions;
  readonly #moment: MomentSource;
  readonly #announcement: Announcement;
  /** Made and never given to anybody: the next leases get these first. */
  #spareTokens: LeaseToken[] = [];
  /** When what is due was settled last, or nothing was. */
  #settledAt: Instant;

  /** Brings the schema up to date, and begins to listen. @throws DatabaseOpenError, or DispatchError `store_unavailable` */
  static async open(options: PostgresStoreOptions): Promise<PostgresStore> {
    const database = new Database(options);
    try {
      const now = await database.transaction(async (session) => {
        await migrateDatabase(session, options.where);
        await assertNoCopy(session, options.where);
        const { rows } = await session.query<{ now: Instant }>("SELECT clock_timestamp() AS now");
        return rows[0]?.now ?? instantFromMs(0);
      });
      const store = new PostgresStore(database, options.moment?.()?.now ?? now, options);
      await store.neighbours.start();
      return store;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(database: Database, now: Instant, options: PostgresStoreOptions) {
    const { moment = () => undefined, serverId } = options;
    this.#database = database;
    this.#options = options;
    this.#moment = moment;
    this.#settledAt = now;
    this.#announcement = { channel, payloads: (hosts) => hostPayloads(serverId, hosts) };
    this.revocations = new PostgresRevocations(database, this.#announcement, serverId);
    this.#doubts = new Doubts(database, options.applicationName);
    this.neighbours = new PostgresNeighbours({
      ...options,
      database,
      connection: options,
      onBack: () => this.#clearUp(),
    });
  }

  async take(wants: readonly TakeWant[]): Promise<TakeReceipt> {
    if (this.#doubts.size > 0) await this.#clearUp();
    const answer = await this.#take(wants, false);
    if (!answer.isDue) {
      this.#settledAt = answer.now;
      return { taken: answer.taken, due: { hostnames: new Set(), nextInMs: answer.nextInMs } };
    }
    const { hostnames } = await this.#settle(maxDuePerTake);
    const { taken, nextInMs } = await this.#take(wants, true);
    return { taken, due: { hostnames, nextInMs } };
  }

  async apply(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.#database.transaction((session) => apply(session, steps, this.#moment, this.#announcement));
  }

  async enqueue(groups: readonly EnqueueGroup[]): Promise<readonly EnqueueReceipt[]> {
    return this.#database.transaction((session) => enqueue(session, groups, this.#moment, this.#announcement));
  }

  async settleDue(limit: number): Promise<DueReceipt> {
    const { hostnames, nextInMs } = await this.#settle(limit);
    return { hostnames, nextInMs };
  }

  async note(notes: Notes): Promise<void> {
    await this.#database.transaction((session) => note(session, notes, this.#announcement));
  }

  find(key: DispatchKey): Promise<DispatchRow | undefined> {
    return this.#database.read((db) => find(db, key));
  }

  list(filter: DispatchFilter, after: DispatchKey | undefined, limit: number): Promise<readonly DispatchRow[]> {
    return this.#database.read((db) => list(db, filter, after, limit));
  }

  async listEvents(filter: EventFilter, afterId: number, limit: number): Promise<readonly DispatchEvent[]> {
    const horizon = await eventHorizon(this.#database);
    if (horizon <= afterId) return [];
    return this.#database.read((db) => listEvents(db, filter, { afterId, horizon }, limit));
  }

  latestEvents(key: DispatchKey, limit: number): Promise<readonly DispatchEvent[]> {
    return this.#database.read((db) => latestEvents(db, key, limit));
  }

  findHost(hostname: Hostname): Promise<HostSeen | undefined> {
    return findHost(this.#database, hostname);
  }

  listHosts(filter: HostFilter, after: Hostname | undefined, limit: number): Promise<readonly HostReport[]> {
    return listHosts(this.#database, filter, after, limit);
  }

  stats(): Promise<QueueStats> {
    return stats(this.#database);
  }

  waitingHosts(before: Instant, limit: number): Promise<readonly Hostname[]> {
    return waitingHosts(this.#database, before, limit);
  }

  /** Of the events that may be shown: who watches from here on misses none that is still being written. */
  lastEventId(): Promise<number> {
    return eventHorizon(this.#database);
  }

  async prune(before: Instant, limit: number): Promise<number> {
    return this.#database.transaction((session) => prune(session, before, limit));
  }

  async check(): Promise<void> {
    const text = "SELECT pg_is_in_recovery() AS is_standby";
    const [found] = await this.#database.query<{ is_standby: boolean }>({ name: "check", text });
    if (found?.is_standby !== false) throw new Error("the database is a standby, which cannot be written to");
  }

  /** How the connections that calls share are used now. */
  get poolUse(): Database["poolUse"] {
    return this.#database.poolUse;
  }

  async close(): Promise<void> {
    await this.neighbours.close();
    await this.#database.close();
  }

  async #take(wants: readonly TakeWant[], isSettled: boolean): Promise<TakeAnswer> {
    const tokens = this.#tokensFor(wants);
    const call = { wants, tokens, takeId: randomInt(2 ** 47), since: this.#settledAt, isSettled };
    const answer = await this.#database.use(async (session) => {
      try {
        return await take(session, call, this.#moment);
      } catch (error) {
        if (whyUnavailable(error) !== undefined) this.#doubt(call, session);
        throw error;
      }
    });
    const given = new Set(answer.taken.flat().map(({ lease }) => lease?.token));
    this.#spareTokens.unshift(...tokens.filter((token) => !given.has(token)));
    return answer;
  }

  /** Nobody knows what became of it. */
  #doubt({ takeId, wants }: TakeCall, session: Session): void {
    this.#doubts.add({ takeId, hostnames: wants.map(({ hostname }) => hostname), backend: backendOf(session) });
  }

  async #clearUp(): Promise<void> {
    await this.#doubts.resolve(async (steps) => void (await this.apply(steps)));
  }

  /** One for each taker that may need one. */
  #tokensFor(wants: readonly TakeWant[]): LeaseToken[] {
    const count = wants.reduce((sum, { takers }) => sum + takers.filter(asksForLease).length, 0);
    const tokens = this.#spareTokens.splice(0, count);
    while (tokens.length < count) tokens.push(this.#options.newToken());
    return tokens;
  }

  async #settle(limit: number): Promise<Settled> {
    const settling = { since: this.#settledAt, limit };
    const settled = await this.#database.transaction((session) =>
      settleDue(session, settling, this.#moment, this.#announcement),
    );
    this.#settledAt = settled.now;
    if (this.#options.onDue !== undefined) settled.events.forEach(this.#options.onDue);
    return settled;
  }
}
