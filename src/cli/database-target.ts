import { existsSync, readFileSync, statSync } from "node:fs";
import type { PostgresTarget, ServerOptions } from "../app.js";
import { isDatabaseUrl } from "../config/kinds.js";
import { settingFlag } from "../config/setting.js";
import type { ServeConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import type { Log } from "../dispatch/ports.js";

/** Where the queue is, with the limits of its connections. @throws UsageError for a bad file */
export function databaseTarget(config: ServeConfig, log: Log): ServerOptions["db"] {
  const { db, dbUrlFile } = config;
  if (dbUrlFile !== undefined) {
    const url = readUrlFile(dbUrlFile, settingFlag("dbUrlFile"), (path) => {
      log.warn({ path }, "others on this machine can read the database's password; chmod 600 it");
    });
    return withLimits(url, config);
  }
  return db.kind === "postgres" ? withLimits(db.url, config) : db;
}

function withLimits(url: string, config: ServeConfig): PostgresTarget {
  return {
    kind: "postgres",
    url,
    poolSize: config.dbPoolSize,
    connectTimeoutMs: config.dbConnectTimeout,
    statementTimeoutMs: config.dbStatementTimeout,
    lockTimeoutMs: config.dbLockTimeout,
    idleInTransactionTimeoutMs: config.dbIdleInTransactionTimeout,
  };
}

/**
 * Like a private key's file: others must not be able to read it.
 *
 * @param flag what named the file
 * @param onExposed is called if others can read it
 * @throws UsageError that does not quote what is in it
 */
export function readUrlFile(path: string, flag: string, onExposed: (path: string) => void): string {
  if (!existsSync(path)) throw new UsageError(`${flag}: must name a file that exists`);
  if ((statSync(path).mode & 0o077) !== 0) onExposed(path);
  const url = readFileSync(path, "utf8").trim();
  if (isDatabaseUrl(url) && URL.canParse(url)) return url;
  throw new UsageError(`${flag}: ${path} must hold one URL, postgres://user:password@host/database`);
}
