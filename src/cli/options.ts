import { type Command, Option } from "commander";
import {
  resolveClient,
  resolveDatabase,
  resolvePki,
  resolveServe,
  resolveServeWithOrigins,
  type ServeConfigWithOrigins,
  type Sources,
} from "../config/resolve.js";
import { type Setting, type SettingGroup, settingFlag, settingKey, settingVariable } from "../config/setting.js";
import {
  type ClientConfig,
  clientGroup,
  type DatabaseConfig,
  databaseGroup,
  type PkiConfig,
  pkiGroup,
  type ServeConfig,
  serveGroup,
} from "../config/settings.js";
import { otherVariables, unknownVariables } from "../config/variables.js";
import type { Io } from "./io.js";
import { printWarning } from "./output.js";

/** Adds the server's settings to a command as options, `--config` included. */
export function addServeOptions(command: Command): Command {
  return addOptions(command, serveGroup);
}

/**
 * Adds the connection's settings (`--server`, `--ca`, `--cert`, `--key`, `--timeout`, …) to a command: all of them, or those
 * that it has a use for.
 */
export function addClientOptions(command: Command, only?: readonly (keyof ClientConfig)[]): Command {
  return addOptions(command, clientGroup, only);
}

/** Adds `--state-dir` and `--config` to a command that makes certificates. */
export function addPkiOptions(command: Command): Command {
  return addOptions(command, pkiGroup, ["stateDir"]);
}

/**
 * The typed configuration of a command that has {@link addServeOptions}, to be called from its action. Warns on stderr
 * about `NIXFLEET_DISPATCH_*` variables that mean nothing.
 * @throws UsageError
 */
export function serveConfig(command: Command, io: Io): ServeConfig {
  return resolveServe(sources(command, serveGroup, io));
}

/** {@link serveConfig}, and where each value comes from. */
export function serveConfigWithOrigins(command: Command, io: Io): ServeConfigWithOrigins {
  return resolveServeWithOrigins(sources(command, serveGroup, io));
}

/** The typed configuration of a command that has {@link addClientOptions}; see {@link serveConfig}. */
export function clientConfig(command: Command, io: Io): ClientConfig {
  return resolveClient(sources(command, clientGroup, io));
}

/** The typed configuration of a command that has {@link addPkiOptions}; see {@link serveConfig}. */
export function pkiConfig(command: Command, io: Io): PkiConfig {
  return resolvePki(sources(command, pkiGroup, io));
}

/** Adds `--db`, `--state-dir` and `--config` to a command that looks after the queue's database. */
export function addDatabaseOptions(command: Command): Command {
  return addOptions(command, databaseGroup);
}

/** The typed configuration of a command that has {@link addDatabaseOptions}; see {@link serveConfig}. */
export function databaseConfig(command: Command, io: Io): DatabaseConfig {
  return resolveDatabase(sources(command, databaseGroup, io));
}

function addOptions(command: Command, group: SettingGroup, only?: readonly string[]): Command {
  for (const [property, setting] of Object.entries(group.settings)) {
    if (only !== undefined && !only.includes(property)) continue;
    command.addOption(settingOption(property, setting, group.table));
    if (setting.kind.shape === "switch") {
      command.addOption(new Option(`--no-${settingKey(property)}`).hideHelp());
    }
  }
  const file = new Option("--config <FILE>", `TOML file of settings.\n[${otherVariables.config}]`);
  return command.addOption(file.helpGroup(settingsHeading));
}

const settingsHeading = "Settings:";

function settingOption(property: string, setting: Setting<unknown>, table: string): Option {
  const { placeholder, shape, unit } = setting.kind;
  const names = `[${settingVariable(property)}; TOML ${table}.${settingKey(property)}]`;
  const facts = [...(unit === "" ? [] : [unit]), `default: ${setting.defaultText}`].join("; ");
  const flags = placeholder === undefined ? settingFlag(property) : `${settingFlag(property)} <${placeholder}>`;
  const option = new Option(flags, `${setting.text}\n(${facts})\n${names}`).helpGroup(`${setting.heading}:`);
  return shape === "list" ? option.argParser(append) : option;
}

/** The last of several flags wins, except for a list, where each adds to it. */
function append<T>(element: string, earlier: T): string[] {
  return Array.isArray(earlier) ? [...earlier, element] : [element];
}

function sources(command: Command, group: SettingGroup, io: Io): Sources {
  for (const warning of unknownVariables(io.env)) printWarning(io, warning);
  return writtenSources(command, group, io);
}

/** Where the settings of a command are written, without a word about variables that mean nothing. */
export function writtenSources(command: Command, group: SettingGroup, io: Io): Sources {
  const flags = new Map<string, readonly string[]>();
  for (const property of Object.keys(group.settings)) {
    const written = writtenFlag(command, property);
    if (written !== undefined) flags.set(property, written);
  }
  return { flags, configFile: writtenFlag(command, "config")?.[0], env: io.env, cwd: io.cwd };
}

function writtenFlag(command: Command, property: string): readonly string[] | undefined {
  if (command.getOptionValueSource(property) !== "cli") return undefined;
  const value: unknown = command.getOptionValue(property);
  return Array.isArray(value) ? value.map(String) : [String(value)];
}
