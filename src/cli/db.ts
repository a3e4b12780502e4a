import { Command } from "commander";
import { backupCommand } from "./database/backup.js";
import { checkCommand } from "./database/check.js";
import { copyCommand } from "./database/copy.js";
import { migrateCommand } from "./database/migrate.js";
import { addManual } from "./help.js";
import type { Io } from "./io.js";

/** `db`: the queue's database, without its server or beside it. */
export function dbCommand(io: Io): Command {
  const db = new Command("db")
    .summary("look after the queue's database")
    .description(
      "Look after the queue's database: check it, back it up, bring it up to date, move it. Runs where the file is, by a user who\n" +
        "may read it; no server is called. check and backup work while a server has it open, and do not touch it.",
    );
  for (const make of [checkCommand, backupCommand, migrateCommand, copyCommand]) db.addCommand(make(io));
  return addManual(db, {
    examples: [
      { purpose: "Is it whole, and what is in it?", line: "nixfleet-dispatch db check" },
      { purpose: "A copy of this moment", line: "nixfleet-dispatch db backup dispatch-backup.db" },
      { purpose: "Bring it up to date without starting a server", line: "nixfleet-dispatch db migrate" },
      {
        purpose: "Move to PostgreSQL",
        line: "nixfleet-dispatch db copy --to postgres://dispatch@db.lab.internal/dispatch",
      },
    ],
    exits: ["ok", "failure", "usage", "not_found", "unavailable", "interrupted"],
  });
}
