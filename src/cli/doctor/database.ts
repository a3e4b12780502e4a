import { existsSync } from "node:fs";
import type { ServeConfig } from "../../config/settings.js";
import { inspect } from "../database/check.js";
import type { Io } from "../io.js";
import { messageOf } from "../output.js";
import { type Finding, fail, ok, skip, warn } from "./finding.js";

/** The queue's file, where the server's settings say that it is. */
export async function checkDatabase(config: Pick<ServeConfig, "db" | "dbUrlFile">, io: Io): Promise<Finding> {
  const { db, dbUrlFile } = config;
  if (db.kind !== "sqlite" || dbUrlFile !== undefined) return skip("the settings name no file of SQLite's");
  if (!existsSync(db.path)) return skip(`there is no ${db.path} on this machine`);
  try {
    const { heldBy, migrations } = await inspect(db.path, io);
    const holder = heldBy === undefined ? "" : `, open in process ${heldBy}`;
    const { length: pending } = migrations.pending;
    if (pending === 0) return ok(`${db.path} is whole and up to date${holder}`);
    return warn(
      `${db.path} is whole, and ${pending} migrations are pending`,
      "The next start of the server applies them.",
    );
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "Interrupted") throw thrown;
    return fail(messageOf(thrown), "To look again: nixfleet-dispatch db check");
  }
}
