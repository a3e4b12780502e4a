import { Command } from "commander";
import { upgradeDatabase } from "../../app/database.js";
import { addManual } from "../help.js";
import type { Io } from "../io.js";
import { writtenOptions } from "../operator/written-options.js";
import { addDatabaseOptions } from "../options.js";
import { printJson, printLine } from "../output.js";
import { inspect } from "./check.js";
import { databaseFile } from "./file.js";

/** `db migrate`: what a start would do to the schema, without a start. */
export function migrateCommand(io: Io): Command {
  const command = new Command("migrate")
    .summary("bring the database up to date")
    .description(
      "Bring the database up to this version's schema, as a start of the server does: all of the migrations, or none. The\n" +
        "server must be stopped. An older version refuses the file afterwards, so back it up before.",
    )
    .option("--dry-run", "Only tell what would be applied. The server may run.")
    .option("--json", "Print one JSON object: path, migrations (the names of those that were applied) and dry_run.");
  addDatabaseOptions(command);
  command.action(() => runMigrate(command, io));
  return addManual(command, {
    examples: [
      { purpose: "What would be applied?", line: "nixfleet-dispatch db migrate --dry-run" },
      { purpose: "Apply it, with the server stopped", line: "nixfleet-dispatch db migrate" },
    ],
    exits: ["ok", "failure", "usage", "not_found", "interrupted"],
  });
}

async function runMigrate(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const path = databaseFile(command, io);
  const isDryRun = options.isOn("dryRun");
  const migrations = isDryRun ? (await inspect(path, io)).migrations.pending : upgradeDatabase(path);
  if (options.isOn("json")) return printJson(io, { path, migrations, dry_run: isDryRun });
  if (migrations.length === 0) return printLine(io, `${path} is up to date`);
  for (const name of migrations) printLine(io, `${isDryRun ? "would be applied" : "applied"}  ${name}`);
}
