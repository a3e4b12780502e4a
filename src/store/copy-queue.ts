import { createHash, type Hash } from "node:crypto";
import type { DispatchRow } from "../dispatch/dispatch.js";
import type { Steady } from "../dispatch/instant.js";
import type { DatabaseOptions } from "./postgres/database.js";
import { Import, type ImportTable } from "./postgres/import.js";
import { type Export, openExport, type TableCounts } from "./sqlite/export.js";
import type { BootClock } from "./sqlite/steady-clock.js";

export interface CopyQueueOptions {
  /** The SQLite file. Its server has to be stopped. */
  readonly from: string;
  readonly to: DatabaseOptions;
  /** The target for people, without a password. */
  readonly where: string;
  /** Whether what a copy that was broken off has left is thrown away. Default: it goes on where that stopped. */
  readonly restart: boolean;
  readonly clock: BootClock;
  readonly signal: AbortSignal;
  /** From 0 to 1. */
  readonly onProgress: (fraction: number) => void;
}

export interface CopiedTable {
  readonly table: keyof TableCounts;
  readonly rows: number;
  /** SHA-256 over all rows in the order of their keys, the same on both sides. */
  readonly checksum: string;
}

/** What has arrived is not what was sent. */
export class CopyDiffers extends Error {
  override readonly name = "CopyDiffers";
}

const batchRows = 2_000;

/**
 * Copies a queue, its history included, from a SQLite file into an empty PostgreSQL, then reads both sides again and compares
 * them row by row. Broken off, it goes on where it stopped; until it has ended well, no server starts on the target.
 *
 * Leases go on with what is left of them.
 *
 * @throws CopyDiffers, StoreOpenError, DatabaseOpenError, DispatchError `store_unavailable`, or the signal's reason
 */
export async function copyQueue(options: CopyQueueOptions): Promise<readonly CopiedTable[]> {
  const source = openExport(options.from, options.clock);
  try {
    const target = await Import.open(options.to, options.where, options.restart);
    try {
      const copied = await new Copying(source, target, options).run(await target.steady());
      await target.finish(source.lastEventId);
      return copied;
    } finally {
      await target.close();
    }
  } finally {
    source.close();
  }
}

class Copying {
  readonly #source: Export;
  readonly #target: Import;
  readonly #options: Pick<CopyQueueOptions, "signal" | "onProgress">;
  /** Each row is sent once and compared once. */
  readonly #work: number;
  #done = 0;

  constructor(source: Export, target: Import, options: Pick<CopyQueueOptions, "signal" | "onProgress">) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#work = 2 * Object.values(source.counts).reduce((sum, count) => sum + count, 0);
  }

  async run(targetNow: Steady): Promise<CopiedTable[]> {
    const { events, hosts, revocations } = this.#source;
    const dispatches = (after: DispatchRow | undefined, limit: number) =>
      this.#source.dispatches(after, limit).map((row) => rebased(row, this.#source.steady, targetNow));
    return [
      await this.#copy("dispatches", dispatches, this.#target.dispatches),
      await this.#copy("events", events, this.#target.events),
      await this.#copy("hosts", hosts, this.#target.hosts),
      await this.#copy("revocations", revocations, this.#target.revocations),
    ];
  }

  async #copy<Row extends object>(
    table: CopiedTable["table"],
    read: (after: Row | undefined, limit: number) => Row[],
    target: ImportTable<Row>,
  ): Promise<CopiedTable> {
    for (let after: Row | undefined = await target.last(); ; ) {
      const rows = read(after, batchRows);
      await target.write(rows);
      await this.#advance(rows.length);
      after = rows.at(-1);
      if (rows.length < batchRows) break;
    }
    const sent = await this.#sum((after: Row | undefined) => Promise.resolve(read(after, batchRows)));
    const arrived = await this.#sum((after: Row | undefined) => target.read(after, batchRows));
    if (sent.rows !== arrived.rows || sent.checksum !== arrived.checksum) {
      throw new CopyDiffers(
        `${table}: ${sent.rows} rows were sent and ${arrived.rows} are there, or not the same ones`,
      );
    }
    return { table, ...sent };
  }

  async #sum<Row extends object>(read: (after: Row | undefined) => Promise<Row[]>) {
    const hash = createHash("sha256");
    let rows = 0;
    for (let after: Row | undefined; ; ) {
      const batch: Row[] = await read(after);
      for (const row of batch) addTo(hash, row);
      rows += batch.length;
      await this.#advance(batch.length / 2);
      after = batch.at(-1);
      if (batch.length < batchRows) return { rows, checksum: hash.digest("hex") };
    }
  }

  async #advance(rows: number): Promise<void> {
    this.#done += rows;
    this.#options.onProgress(Math.min(1, this.#done / Math.max(1, this.#work)));
    // SQLite is read without a pause otherwise.
    await new Promise((resolve) => setImmediate(resolve));
    this.#options.signal.throwIfAborted();
  }
}

/** The same length of lease, by the other clock. */
function rebased(row: DispatchRow, from: Steady, to: Steady): DispatchRow {
  if (row.leaseEndsAt === null) return row;
  return { ...row, leaseEndsAt: Math.max(1, row.leaseEndsAt - from + to) as Steady };
}

/** Every field by its name, whatever the order; but for the end of a lease, which each attempt to copy measures anew. */
function addTo(hash: Hash, row: object): void {
  const fields = Object.entries(row).filter(([name]) => name !== "leaseEndsAt");
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(`${JSON.stringify(fields)}\n`);
}
