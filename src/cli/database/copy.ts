import { Command } from "commander";
import { type CopiedTable, copyToPostgres, DatabaseUrlError } from "../../app/database.js";
import { isDatabaseUrl } from "../../config/kinds.js";
import { UsageError } from "../../config/usage-error.js";
import { readUrlFile } from "../database-target.js";
import { addManual } from "../help.js";
import type { Io } from "../io.js";
import { writtenOptions } from "../operator/written-options.js";
import { addDatabaseOptions } from "../options.js";
import { printJson, printLine, printWarning } from "../output.js";
import { formatTable } from "../table.js";
import { databaseFile, withProgress } from "./file.js";

/** `db copy`: from one process's file to a database for several. */
export function copyCommand(io: Io): Command {
  const command = new Command("copy")
    .summary("move the queue from SQLite to PostgreSQL")
    .description(
      "Copy the queue with its history into an empty PostgreSQL, then read both sides and compare them row by row. The server\n" +
        "must be stopped; the file stays as it is. Broken off, it goes on where it stopped when it is run again; until it has\n" +
        "ended well, no server starts on the target. Leases go on with what is left of them.",
    )
    .option("--from <FILE>", "The SQLite file. Default: the one of --db.")
    .option(
      "--to <URL>",
      "postgres://user@host/database, without a password: that comes from PGPASSFILE or PGPASSWORD.",
    )
    .option(
      "--to-url-file <FILE>",
      "A file with the URL, password and all, that only this user can read. Instead of --to.",
    )
    .option("--restart", "Throw away what a copy that was broken off has left, and begin anew.")
    .option(
      "--json",
      "Print one JSON object for each table: table, rows and checksum (SHA-256, the same on both sides).",
    );
  addDatabaseOptions(command);
  command.action(() => runCopy(command, io));
  return addManual(command, {
    examples: [
      {
        purpose: "Move to PostgreSQL, with the server stopped",
        line: "nixfleet-dispatch db copy --from /var/lib/nixfleet-dispatch/dispatch.db --to-url-file /run/credentials/db-url",
      },
    ],
    exits: ["ok", "failure", "usage", "not_found", "unavailable", "interrupted"],
  });
}

async function runCopy(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const from = databaseFile(command, io, options.text("from"));
  const to = targetUrl(options.text("to"), options.text("toUrlFile"), io);
  const restart = options.isOn("restart");
  const copied = await withProgress(io, "copying the queue", (progress) => copy({ from, to, restart, ...progress }));
  if (options.isOn("json")) for (const table of copied) printJson(io, table);
  else printLine(io, tableOf(copied));
}

async function copy(options: Parameters<typeof copyToPostgres>[0]): Promise<readonly CopiedTable[]> {
  try {
    return await copyToPostgres(options);
  } catch (cause) {
    if (cause instanceof DatabaseUrlError) throw new UsageError(`--to: ${cause.message}`, undefined, { cause });
    throw cause;
  }
}

/** @throws UsageError that does not repeat a password */
function targetUrl(url: string | undefined, file: string | undefined, io: Io): string {
  if ((url === undefined) === (file === undefined)) throw new UsageError("give one of --to and --to-url-file");
  if (file !== undefined)
    return readUrlFile(file, "--to-url-file", (path) => {
      printWarning(io, `${path}: others on this machine can read the database's password; chmod 600 it`);
    });
  if (url === undefined || !isDatabaseUrl(url) || !URL.canParse(url)) {
    throw new UsageError("--to: must be a URL such as postgres://user@host:5432/database");
  }
  if (new URL(url).password === "") return url;
  throw new UsageError(
    "--to: must not hold a password, which others on this machine can see there",
    "Put the URL into a file that only you can read and name it with --to-url-file, or set PGPASSFILE.",
  );
}

function tableOf(copied: readonly CopiedTable[]): string {
  const rows = copied.map(({ table, rows, checksum }) => [table, String(rows), checksum.slice(0, 16)]);
  return formatTable(["TABLE", "ROWS", "CHECKSUM"], rows);
}
