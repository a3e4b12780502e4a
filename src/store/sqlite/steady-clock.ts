import { eq, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { instantFromMs, type Moment, type Steady } from "../../dispatch/instant.js";
import type { Clock } from "../../dispatch/ports.js";
import { steadyClock } from "./schema.js";

/** The two clocks of a machine, and which start of the machine the second counts from. */
export interface BootClock extends Pick<Clock, "nowMs" | "monotonicMs"> {
  readonly bootId: string;
}

const onlyRow = 1;

/**
 * The clock that leases are measured by: the machine's monotonic one, so that setting the wall clock moves no lease. That
 * one begins anew when the machine does, so the distance between the two is kept in the database, with the boot it holds
 * for. After another boot the clock goes on where the wall clock stands, but never backwards.
 */
export class SteadyClock {
  readonly #clock: BootClock;
  readonly #offsetMicros: number;
  readonly #keepLast: ReturnType<typeof prepareKeepLast>;

  constructor(db: BetterSQLite3Database, clock: BootClock) {
    this.#clock = clock;
    const kept = db.select().from(steadyClock).where(eq(steadyClock.id, onlyRow)).get();
    const wallMicros = instantFromMs(clock.nowMs());
    const monotonicMicros = microsFrom(clock.monotonicMs());
    this.#offsetMicros =
      kept?.bootId === clock.bootId ? kept.offsetMicros : Math.max(wallMicros, kept?.lastSteady ?? 0) - monotonicMicros;
    const row = { bootId: clock.bootId, offsetMicros: this.#offsetMicros, lastSteady: this.#steady() };
    db.insert(steadyClock)
      .values({ id: onlyRow, ...row })
      .onConflictDoUpdate({ target: steadyClock.id, set: row })
      .run();
    this.#keepLast = prepareKeepLast(db);
  }

  /**
   * Part of each transaction that begins a lease: after a boot with a wall clock that is behind, time goes on from the
   * last of these, so that no lease gets longer than it was.
   */
  keepLast({ steady }: Moment): void {
    this.#keepLast.run({ steady });
  }

  read(): Moment {
    return { now: instantFromMs(this.#clock.nowMs()), steady: this.#steady() };
  }

  #steady(): Steady {
    return (microsFrom(this.#clock.monotonicMs()) + this.#offsetMicros) as Steady;
  }
}

function prepareKeepLast(db: BetterSQLite3Database) {
  return db
    .update(steadyClock)
    .set({ lastSteady: sql`${sql.placeholder("steady")}` })
    .where(eq(steadyClock.id, onlyRow))
    .prepare();
}

function microsFrom(ms: number): number {
  return Math.floor(ms * 1_000);
}
