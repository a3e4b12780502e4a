import { Command } from "commander";
import { settingKey } from "../config/setting.js";
import { serveGroup } from "../config/settings.js";
import { oneLine } from "../words/one-line.js";
import { addManual, type CommandManual } from "./help.js";
import type { Io } from "./io.js";
import { checkServerFiles } from "./operator/server-files.js";
import { settingText, settingValue, type WrittenValue } from "./operator/setting-value.js";
import { printNote } from "./operator/write-lines.js";
import { writtenOptions } from "./operator/written-options.js";
import { addServeOptions, serveConfigWithOrigins } from "./options.js";
import { paint, printJson, printLine, printWarning } from "./output.js";
import { formatTable } from "./table.js";

/** `config`: about the server's settings. */
export function configCommand(io: Io): Command {
  const config = new Command("config")
    .summary("check the server's settings")
    .description("Check the server's settings.")
    .addCommand(checkCommand(io));
  return addManual(config, manual);
}

const manual: CommandManual = {
  examples: [
    { purpose: "What serve would run with, and where each of it comes from", line: "nixfleet-dispatch config check" },
    {
      purpose: "The settings that are not the default, for a script",
      line: `nixfleet-dispatch config check --json | jq -c 'select(.from != "default")'`,
    },
  ],
  exits: ["ok", "usage"],
};

function checkCommand(io: Io): Command {
  const command = new Command("check")
    .summary("show the server's settings, and what is wrong with them")
    .description(
      "Find the server's settings as serve does, in flags, environment, file and defaults; show each with where it comes\n" +
        "from; and read the files that they name: certificates, keys, revocations. A mistake ends with exit code 2.\n" +
        "Nothing is started, made or changed, and what is in a key's file is never shown.",
    )
    .option("--json", "Print one JSON object on each line: setting, value and from.");
  addServeOptions(command);
  command.action(() => runCheck(command, io));
  return addManual(command, manual);
}

function runCheck(command: Command, io: Io): void {
  const { config, origins } = serveConfigWithOrigins(command, io);
  const kinds = new Map(Object.entries(serveGroup.settings).map(([property, { kind }]) => [property, kind]));
  const rows = Object.entries(config).map(([property, value]) => ({
    setting: settingKey(property),
    value: settingValue(value, kinds.get(property) ?? {}),
    from: origins.get(property) ?? "default",
  }));
  if (writtenOptions(command).isOn("json")) for (const row of rows) printJson(io, row);
  else printLine(io, table(rows, io));
  checkServerFiles(config, (text) => printWarning(io, text));
  printNote(io, "no mistake was found");
}

interface Row {
  readonly setting: string;
  readonly value: WrittenValue;
  readonly from: string;
}

function table(rows: readonly Row[], io: Io): string {
  const cells = rows.map(({ setting, value, from }) => [
    setting,
    oneLine(settingText(value)),
    from === "default" ? paint(io, io.stdout, "dim", from) : oneLine(from),
  ]);
  return formatTable(["SETTING", "VALUE", "FROM"], cells);
}
