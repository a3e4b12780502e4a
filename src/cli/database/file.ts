import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../config/usage-error.js";
import { NotFoundError } from "../exit.js";
import { interruptible } from "../interrupt.js";
import type { Io } from "../io.js";
import { databaseConfig } from "../options.js";
import { progressBar } from "../progress-bar.js";

/**
 * The path of the SQLite file that the settings name.
 *
 * @param named goes before the settings
 * @throws UsageError if there is none to have; NotFoundError if it is not there
 */
export function databaseFile(command: Command, io: Io, named?: string): string {
  const path = named === undefined ? settledFile(command, io) : resolve(io.cwd, named);
  if (!existsSync(path)) throw new NotFoundError(`there is no ${path}`);
  return path;
}

function settledFile(command: Command, io: Io): string {
  const { db, dbUrlFile } = databaseConfig(command, io);
  if (db.kind === "postgres" || dbUrlFile !== undefined) throw forSqliteOnly();
  if (db.kind === "none") throw new UsageError("the settings say to run without a database", "Name one with --db.");
  return db.path;
}

function forSqliteOnly(): UsageError {
  return new UsageError(
    "this command is for SQLite's file, and the settings name a PostgreSQL database",
    "There, pg_dump makes backups, and the server brings the schema up to date when it starts.",
  );
}

/** What looks through a database, or copies it, is told of how to stop and whom to tell how far it is. */
export interface Progress {
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

/** Runs `work` under a bar on a terminal; SIGINT and SIGTERM end it, and leave nothing behind. */
export function withProgress<T>(io: Io, label: string, work: (progress: Progress) => Promise<T>): Promise<T> {
  const bar = progressBar(io);
  return interruptible(io, async (signal) => {
    try {
      return await work({ signal, onProgress: (fraction) => bar.draw(fraction, label) });
    } catch (thrown) {
      throw signal.aborted ? signal.reason : thrown;
    } finally {
      bar.clear();
    }
  });
}
