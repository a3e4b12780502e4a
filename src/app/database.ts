import { type CopiedTable, copyQueue } from "../store/copy-queue.js";
import { parseDatabaseUrl, shownUrl } from "../store/postgres/database-url.js";
import { bootId, systemClock } from "../telemetry/clock.js";

export { type CopiedTable, CopyDiffers } from "../store/copy-queue.js";
export { DatabaseUrlError } from "../store/postgres/database-url.js";
/** What is done to a queue's file from outside of its server: looked through, backed up, brought up to date. */
export { BackupRefused, backUpDatabase } from "../store/sqlite/backup.js";
export { type Counts, type Inspection, inspectDatabase } from "../store/sqlite/inspect.js";
export { upgradeDatabase } from "../store/sqlite/upgrade.js";

export interface CopyToPostgresOptions {
  /** The SQLite file. */
  readonly from: string;
  /** The URL of the PostgreSQL; see `PostgresTarget`. */
  readonly to: string;
  readonly restart: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

/** {@link copyQueue}, with limits for one long job instead of many short ones. */
export function copyToPostgres({ to, ...options }: CopyToPostgresOptions): Promise<readonly CopiedTable[]> {
  const { nowMs, monotonicMs } = systemClock;
  return copyQueue({
    ...options,
    where: shownUrl(to),
    clock: { nowMs, monotonicMs, bootId: bootId() },
    to: {
      address: parseDatabaseUrl(to),
      applicationName: "nixfleet-dispatch db copy",
      log: { error() {}, warn() {}, info() {}, debug() {} },
      poolSize: 1,
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 120_000,
      lockTimeoutMs: 10_000,
      idleInTransactionTimeoutMs: 60_000,
    },
  });
}
