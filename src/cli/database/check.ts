import { tmpdir } from "node:os";
import { Command } from "commander";
import { type Inspection, inspectDatabase } from "../../app/database.js";
import { systemCode } from "../exit.js";
import { addManual } from "../help.js";
import type { Io } from "../io.js";
import { writtenOptions } from "../operator/written-options.js";
import { addDatabaseOptions } from "../options.js";
import { printJson, printLine } from "../output.js";
import { databaseFile, withProgress } from "./file.js";
import { inspectionJson, inspectionLines } from "./inspection.js";

/** `db check`: whether the file is whole, and what is in it. */
export function checkCommand(io: Io): Command {
  const command = new Command("check")
    .summary("look whether the database is whole, and what is in it")
    .description(
      "Look through the whole database: its structure, its indexes, its migrations; and count what is in it. It works on a\n" +
        "copy of one moment in a temporary folder ($TMPDIR), so it needs that much room there, and whoever has the\n" +
        "database open goes on undisturbed. The exit code is 0 if it is whole and ours, also while migrations are pending.",
    )
    .option(
      "--json",
      "Print one JSON object: path, bytes, log_bytes, held_by (the process that has it open), migrations_applied,\n" +
        "migrations_pending, states (a number for each), hosts, events and revocations. What is not known is null.",
    );
  addDatabaseOptions(command);
  command.action(() => runCheck(command, io));
  return addManual(command, {
    examples: [
      { purpose: "Is it whole, and what is in it?", line: "nixfleet-dispatch db check" },
      {
        purpose: "A backup can be looked through as well",
        line: "nixfleet-dispatch db check --db dispatch-backup.db",
      },
      {
        purpose: "How many dispatches wait, for a script",
        line: "nixfleet-dispatch db check --json | jq .states.pending",
      },
    ],
    exits: ["ok", "failure", "usage", "not_found", "interrupted"],
  });
}

async function runCheck(command: Command, io: Io): Promise<void> {
  const path = databaseFile(command, io);
  const inspection = await inspect(path, io);
  if (writtenOptions(command).isOn("json")) return printJson(io, inspectionJson(path, inspection));
  for (const line of [path, ...inspectionLines(inspection)]) printLine(io, line);
}

/** Looks through the database under a progress bar. */
export async function inspect(path: string, io: Io): Promise<Inspection> {
  const temporary = io.env.TMPDIR || tmpdir();
  try {
    return await withProgress(io, "looking through the database", (progress) =>
      inspectDatabase(path, { ...progress, temporary }),
    );
  } catch (cause) {
    if (systemCode(cause) !== "ENOSPC") throw cause;
    throw new Error(`${temporary} has no room for a copy of ${path}: set TMPDIR to a folder that has`, { cause });
  }
}
