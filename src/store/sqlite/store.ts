import type Database from "better-sqlite3";
import type { NewDispatch, TakeKey, Taken } from "../../dispatch/dispatch.js";
import { type Instant, instantFromMs } from "../../dispatch/instant.js";
import type { Clock, DispatchStore, EnqueueReceipt, TakeWant } from "../../dispatch/ports.js";
import { enqueue } from "./enqueue.js";
import { guardFile } from "./file-guard.js";
import { giveBack } from "./give-back.js";
import { assertOurDatabase, migrateDatabase } from "./migrate.js";
import { openDatabase } from "./open.js";
import { runtimeError } from "./runtime-error.js";
import { prepareStatements, type Statements } from "./statements.js";
import { take } from "./take.js";

/**
 * The queue in one SQLite file that belongs to this process alone.
 *
 * The driver is synchronous: a call does its work, fsync included, before it returns its promise. Callers batch, so that
 * the event loop stands still once for many.
 */
export class SqliteStore implements DispatchStore {
  readonly #client: Database.Database;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #statements: Statements;
  readonly #assertInPlace: () => void;
  #sequence: number;

  /** @throws StoreOpenError with what to do about it */
  static open(path: string, clock: Pick<Clock, "nowMs">): SqliteStore {
    const client = openDatabase(path, (opened) => assertOurDatabase(opened, path));
    try {
      return new SqliteStore(client, prepareStatements(migrateDatabase(client)), clock);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  private constructor(client: Database.Database, statements: Statements, clock: Pick<Clock, "nowMs">) {
    this.#client = client;
    this.#statements = statements;
    this.#clock = clock;
    this.#assertInPlace = guardFile(client.name);
    this.#sequence = statements.lastSequence.get()?.last ?? 0;
  }

  async take(wants: readonly TakeWant[]): Promise<readonly (readonly Taken[])[]> {
    return this.#transaction(() => wants.map((want) => take(this.#statements, want)));
  }

  async giveBack(takes: readonly TakeKey[]): Promise<readonly boolean[]> {
    return this.#transaction(() => takes.map((key) => giveBack(this.#statements, key)));
  }

  async enqueue(groups: readonly (readonly NewDispatch[])[]): Promise<readonly EnqueueReceipt[]> {
    const enqueuedAt = instantFromMs(this.#clock.nowMs());
    return this.#transaction(() => groups.map((group) => this.#enqueueGroup(group, enqueuedAt)));
  }

  async check(): Promise<void> {
    this.#assertInPlace();
    this.#transaction(() => undefined);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #enqueueGroup(group: readonly NewDispatch[], enqueuedAt: Instant): EnqueueReceipt {
    const results = group.map((dispatch) => {
      this.#sequence += 1;
      return enqueue(this.#statements, dispatch, enqueuedAt, this.#sequence);
    });
    return { results, enqueuedAt };
  }

  #transaction<T>(body: () => T): T {
    try {
      return this.#client.transaction(body).immediate();
    } catch (error) {
      throw runtimeError(error);
    }
  }
}
