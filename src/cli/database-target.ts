import { readFileSync, statSync } from "node:fs";
import type { PostgresTarget, ServerOptions } from "../app.js";
import { isDatabaseUrl } from "../config/kinds.js";
import { settingFlag } from "../config/setting.js";
import type { ServeConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import type { Log } from "../dispatch/ports.js";

/** Where the queue is, with the limits of its connections. @throws UsageError for a bad file */
export function databaseTarget(config: ServeConfig, log: Log): ServerOptions["db"] {
  const { db, dbUrlFile } = config;
  if (dbUrlFile !== undefined) return withLimits(readUrlFile(dbUrlFile, log), config);
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

/** Like a private key's file: others must not be able to read it. @throws UsageError that does not quote what is in it */
export function readUrlFile(path: string, log: Log): string {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    log.warn({ path, mode: mode.toString(8) }, "others on this machine can read the database's password; chmod 600 it");
  }
  const url = readFileSync(path, "utf8").trim();
  if (isDatabaseUrl(url) && URL.canParse(url)) return url;
  throw new UsageError(
    `${settingFlag("dbUrlFile")}: ${path} must hold one URL, postgres://user:password@host/database`,
  );
}
