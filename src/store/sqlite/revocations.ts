import { asc, eq, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { CalledRevocation, RevocationStore } from "../../dispatch/revocation.js";
import { runtimeError } from "./runtime-error.js";
import { revocations } from "./schema.js";

/** Revocations in the same file as the queue. Few, and changed by people: nothing here is batched or prepared. */
export class SqliteRevocations implements RevocationStore {
  readonly #db: BetterSQLite3Database;

  constructor(db: BetterSQLite3Database) {
    this.#db = db;
  }

  async revoke(revocation: CalledRevocation): Promise<CalledRevocation> {
    const { subject, ...changed } = revocation;
    return this.#guarded(() => {
      this.#db
        .insert(revocations)
        .values(revocation)
        // A later instant revokes more certificates; an earlier one must not let any of them in again.
        .onConflictDoUpdate({
          target: revocations.subject,
          set: changed,
          setWhere: sql`excluded.revoked_before > ${revocations.revokedBefore}`,
        })
        .run();
      return this.#db.select().from(revocations).where(eq(revocations.subject, subject)).get() ?? revocation;
    });
  }

  async restore(subject: string): Promise<boolean> {
    return this.#guarded(() => this.#db.delete(revocations).where(eq(revocations.subject, subject)).run().changes > 0);
  }

  async all(): Promise<readonly CalledRevocation[]> {
    return this.#db.select().from(revocations).orderBy(asc(revocations.subject)).all();
  }

  #guarded<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw runtimeError(error);
    }
  }
}
