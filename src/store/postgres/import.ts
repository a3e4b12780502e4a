import type { DispatchRow } from "../../dispatch/dispatch.js";
import type { DispatchEvent } from "../../dispatch/event.js";
import type { Steady } from "../../dispatch/instant.js";
import type { HostSeen } from "../../dispatch/ports.js";
import type { CalledRevocation } from "../../dispatch/revocation.js";
import { arrays, type Column, dispatchColumns, eventColumns, hostColumns, names, unnest } from "./columns.js";
import { Database, type DatabaseOptions, type Session } from "./database.js";
import { textFromInstant } from "./instant-text.js";
import { migrateDatabase } from "./migrate.js";
import { DatabaseOpenError } from "./open-error.js";
import { revocationFrom } from "./revocations.js";
import { rowFrom } from "./rows.js";

/** What one table is filled with, and read back from, in the order of its key. */
export interface ImportTable<Row> {
  /** Where an earlier copy has stopped. */
  last(): Promise<Row | undefined>;
  write(rows: readonly Row[]): Promise<void>;
  read(after: Row | undefined, limit: number): Promise<Row[]>;
}

/** Its presence says that a copy is under way, or was broken off: no server starts on such a database. */
const markTable = "nixfleet_dispatch_copy";

const emptiedTables = ["dispatches", "events", "hosts", "revocations", "servers", "parked"];

/** A PostgreSQL that is filled from elsewhere. */
export class Import {
  readonly dispatches: ImportTable<DispatchRow>;
  readonly events: ImportTable<DispatchEvent>;
  readonly hosts: ImportTable<HostSeen>;
  readonly revocations: ImportTable<CalledRevocation>;
  readonly #database: Database;

  /**
   * @param where for people, without a password
   * @param restart whether what a copy that was broken off has left is thrown away
   * @throws DatabaseOpenError `in_use` if there is anything in it that no copy has brought
   */
  static async open(options: DatabaseOptions, where: string, restart: boolean): Promise<Import> {
    const database = new Database(options);
    try {
      await database.transaction(async (session) => {
        await migrateDatabase(session, where);
        await mark(session, where, restart);
      });
      return new Import(database);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  private constructor(database: Database) {
    this.#database = database;
    this.dispatches = tableOf(database, {
      table: "dispatches",
      key: dispatchKey,
      columns: dispatchColumns,
      from: rowFrom,
    });
    this.events = tableOf(database, { table: "events", key: [id], columns: [id, ...eventColumns], from: eventFrom });
    this.hosts = tableOf(database, {
      table: "hosts",
      key: hostColumns.slice(0, 1),
      columns: hostColumns,
      from: hostFrom,
    });
    this.revocations = tableOf(database, {
      table: "revocations",
      key: revocationColumns.slice(0, 1),
      columns: revocationColumns,
      from: revocationFrom,
    });
  }

  /** The present, by the clock that will measure the leases. */
  async steady(): Promise<Steady> {
    const [row] = await this.#database.query<{ now: Steady }>({ text: "SELECT clock_timestamp() AS now" });
    if (row === undefined) throw new Error("the database did not say what time it is");
    return row.now;
  }

  /** All is there and looked through: numbers go on where they stopped, and servers may start. */
  async finish(lastEventId: number): Promise<void> {
    await this.#database.transaction(async (session) => {
      await session.query("SELECT setval('events_id_seq', greatest($1::bigint, 1), $1::bigint > 0)", [lastEventId]);
      await session.query(
        "SELECT setval('enqueue_numbers', greatest(n, 1), n > 0) FROM (SELECT coalesce(max(sequence), 0) AS n FROM dispatches) AS m",
      );
      await session.query(`DROP TABLE ${markTable}`);
    });
    await this.#database.transaction(
      async (session) => void (await session.query("ANALYZE dispatches, events, hosts")).rowCount,
    );
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** @throws DatabaseOpenError if a copy into it was broken off */
export async function assertNoCopy(session: Session, where: string): Promise<void> {
  if (await isMarked(session)) throw new DatabaseOpenError("unfinished", where, `it has the table ${markTable}`);
}

async function isMarked(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ is: boolean }>("SELECT to_regclass($1) IS NOT NULL AS is", [markTable]);
  return rows[0]?.is === true;
}

async function mark(session: Session, where: string, restart: boolean): Promise<void> {
  if (await isMarked(session)) {
    if (restart) await session.query(`TRUNCATE ${emptiedTables.join(", ")}`);
    return;
  }
  for (const table of emptiedTables) {
    const { rowCount } = await session.query(`SELECT FROM ${table} LIMIT 1`);
    if ((rowCount ?? 0) > 0) throw new DatabaseOpenError("in_use", where, `there are rows in ${table}`);
  }
  await session.query(`CREATE TABLE ${markTable} (begun_at timestamptz NOT NULL DEFAULT now())`);
}

interface TableParts<Row, Written> {
  readonly table: string;
  readonly key: readonly Column<Row>[];
  readonly columns: readonly Column<Row>[];
  readonly from: (written: Written) => Row;
}

function tableOf<Row, Written extends object>(
  database: Database,
  { table, key, columns, from }: TableParts<Row, Written>,
): ImportTable<Row> {
  const keyNames = names(key);
  const after = `(${keyNames}) > (${key.map(({ type }, i) => `$${i + 2}::${type}`).join(", ")})`;
  const select = `SELECT ${names(columns)} FROM ${table}`;
  const insert = `INSERT INTO ${table} (${names(columns)}) SELECT * FROM ${unnest(columns)} ON CONFLICT DO NOTHING`;
  const descending = key.map(({ name }) => `${name} DESC`).join(", ");
  return {
    async last() {
      const [row] = await database.query<Written>({ text: `${select} ORDER BY ${descending} LIMIT 1` });
      return row && from(row);
    },
    async write(rows) {
      await database.query({ name: `import-${table}`, text: insert, values: arrays(columns, rows) });
    },
    async read(last, limit) {
      const where = last === undefined ? "" : `WHERE ${after}`;
      const values = [limit, ...(last === undefined ? [] : key.map(({ of }) => of(last)))];
      const rows = await database.query<Written>({ text: `${select} ${where} ORDER BY ${keyNames} LIMIT $1`, values });
      return rows.map(from);
    },
  };
}

const dispatchKey = dispatchColumns.slice(0, 2);

const id: Column<DispatchEvent> = { name: "id", type: "bigint", of: (event) => event.id };

const revocationColumns: readonly Column<CalledRevocation>[] = [
  { name: "subject", type: "text", of: ({ subject }) => subject },
  { name: "revoked_before", type: "timestamptz", of: ({ revokedBefore }) => textFromInstant(revokedBefore) },
  { name: "reason", type: "text", of: ({ reason }) => reason },
  { name: "revoked_by", type: "text", of: ({ revokedBy }) => revokedBy },
  { name: "revoked_at", type: "timestamptz", of: ({ revokedAt }) => textFromInstant(revokedAt) },
];

type WrittenEvent = Omit<DispatchEvent, "rolloutId" | "parkedMs"> & {
  readonly rollout_id: DispatchEvent["rolloutId"];
  readonly parked_ms: number | null;
};

function eventFrom({ rollout_id: rolloutId, parked_ms: parkedMs, ...event }: WrittenEvent): DispatchEvent {
  return { ...event, rolloutId, parkedMs };
}

interface WrittenHost extends Pick<HostSeen, "hostname" | "address" | "wire"> {
  readonly last_seen_at: HostSeen["lastSeenAt"];
  readonly agent_version: string;
  readonly certificate_not_after: HostSeen["certificateNotAfter"];
}

function hostFrom({ hostname, address, wire, ...seen }: WrittenHost): HostSeen {
  const { last_seen_at: lastSeenAt, agent_version: agentVersion, certificate_not_after: certificateNotAfter } = seen;
  return { hostname, lastSeenAt, address, wire, agentVersion, certificateNotAfter };
}
