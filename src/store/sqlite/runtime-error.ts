import Database from "better-sqlite3";
import { DispatchError } from "../../dispatch/errors.js";

/** What passes by itself once somebody makes room is `store_unavailable`; everything else is the caller's to log. */
export function runtimeError(error: unknown): unknown {
  if (error instanceof Database.SqliteError && error.code === "SQLITE_FULL") {
    const message = "the store's disk is full; nothing was changed";
    return new DispatchError("store_unavailable", message, { retryAfterSeconds: 30, cause: error });
  }
  return error;
}
