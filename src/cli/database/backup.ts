import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { BackupRefused, backUpDatabase, type Inspection } from "../../app/database.js";
import { UsageError } from "../../config/usage-error.js";
import { formatBytes } from "../../words/bytes.js";
import { addManual } from "../help.js";
import type { Io } from "../io.js";
import { writtenOptions } from "../operator/written-options.js";
import { addDatabaseOptions } from "../options.js";
import { printJson, printLine } from "../output.js";
import { databaseFile, type Progress, withProgress } from "./file.js";
import { inspectionJson, inspectionLines } from "./inspection.js";

/** `db backup`: a copy of one moment. */
export function backupCommand(io: Io): Command {
  const command = new Command("backup")
    .summary("copy the database as of one moment")
    .description(
      "Copy the database as of one moment, also while a server has it open and writes. The copy is looked through before it\n" +
        "appears under its name: whole, on the disk, mode 0600, or not at all. To restore it, stop the server and put it in\n" +
        "the place of the database, without a -wal file beside it. What is in it stays secret to whoever may read the queue.",
    )
    .argument("<FILE>", "Where the copy goes, on any file system.")
    .option("--replace", "Replace the file if there is one.")
    .option(
      "--json",
      "Print one JSON object: backup (its path), and of the database what db check prints: path, bytes, log_bytes, held_by,\n" +
        "migrations_applied, migrations_pending, states, hosts, events and revocations.",
    );
  addDatabaseOptions(command);
  command.action((file: string) => runBackup(file, command, io));
  return addManual(command, {
    examples: [
      { purpose: "A copy of this moment", line: "nixfleet-dispatch db backup dispatch-backup.db" },
      {
        purpose: "Every night, the last one only",
        line: "nixfleet-dispatch db backup --replace --db /var/lib/nixfleet-dispatch/dispatch.db /var/backups/dispatch.db",
      },
    ],
    exits: ["ok", "failure", "usage", "not_found", "interrupted"],
  });
}

async function runBackup(file: string, command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const path = databaseFile(command, io);
  const target = resolve(io.cwd, file);
  assertFolder(target);
  const inspection = await withProgress(io, "copying the database", (progress) =>
    backUp(path, target, options.isOn("replace"), progress),
  );
  if (options.isOn("json")) return printJson(io, { backup: target, ...inspectionJson(path, inspection) });
  printLine(io, `${target}  ${formatBytes(statSync(target).size)}, a copy of ${path}`);
  for (const line of inspectionLines(inspection)) printLine(io, line);
}

function assertFolder(target: string): void {
  const folder = dirname(target);
  if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder} to put the copy into`);
}

async function backUp(path: string, target: string, replace: boolean, progress: Progress): Promise<Inspection> {
  try {
    return await backUpDatabase(path, target, { ...progress, replace });
  } catch (cause) {
    if (!(cause instanceof BackupRefused)) throw cause;
    const hint = replace ? undefined : "Name another file, or add --replace if it is a backup that may go.";
    throw new UsageError(`${cause.message}: nothing was written`, hint, { cause });
  }
}
