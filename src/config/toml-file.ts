import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { type SettingGroup, settingKey, type ValueKind, variablePrefix } from "./setting.js";
import { settingGroups } from "./settings.js";
import { nearest } from "./suggest.js";
import { UsageError } from "./usage-error.js";

/** What the file says for the settings of one group: TOML key to the written elements. */
export type TomlTable = ReadonlyMap<string, readonly string[]>;

export interface TomlFile {
  readonly path: string;
  /** Relative paths in the file start here. */
  readonly folder: string;
  readonly tables: ReadonlyMap<string, TomlTable>;
}

export interface TomlPlace {
  /** What `--config` named. */
  readonly flag: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * Reads the file of settings: the one that `--config` or `NIXFLEET_DISPATCH_CONFIG` names, which must exist, else the
 * user's, else the machine's, else none.
 * @throws UsageError when it cannot be read, is not TOML, or holds a table, key or type that no setting has
 */
export function readTomlFile(place: TomlPlace): TomlFile | undefined {
  const path = namedFile(place) ?? implicitFiles(place.env).find((candidate) => statSync(candidate, quiet)?.isFile());
  if (path === undefined) return undefined;
  return { path, folder: dirname(path), tables: checkTables(path, parseToml(path)) };
}

const quiet = { throwIfNoEntry: false } as const;

function namedFile({ flag, env, cwd }: TomlPlace): string | undefined {
  const variable = `${variablePrefix}CONFIG`;
  const named = flag ?? (env[variable] || undefined);
  if (named === undefined) return undefined;
  const path = resolve(cwd, named);
  if (named !== "" && statSync(path, quiet)?.isFile()) return path;
  throw new UsageError(`${flag === undefined ? variable : "--config"}: must name a file that exists, not "${named}"`);
}

/** Where a file of settings is looked for when none is named, the first that exists wins. */
export function implicitFiles(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const userFolder = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config");
  return [userFolder, "/etc"].map((folder) => join(folder, "nixfleet-dispatch", "config.toml"));
}

function parseToml(path: string): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(parse(readFileSync(path, "utf8"))));
  } catch (cause) {
    if (cause instanceof TomlError) {
      const [problem = "not valid"] = cause.message.split("\n");
      throw new UsageError(`${path}:${cause.line}:${cause.column}: ${problem}`, undefined, { cause });
    }
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${path}: cannot be read: ${problem}`, undefined, { cause });
  }
}

function checkTables(path: string, document: ReadonlyMap<string, unknown>): ReadonlyMap<string, TomlTable> {
  const tables = new Map<string, TomlTable>();
  for (const [name, value] of document) {
    const group = settingGroups.find(({ table }) => table === name);
    if (group === undefined) throw unknownTable(path, name, value);
    if (!isTable(value)) throw new UsageError(`${path}: ${name} must be a table, written [${name}]`);
    tables.set(name, checkTable(path, group, value));
  }
  return tables;
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}

function unknownTable(path: string, name: string, value: unknown): UsageError {
  const owner = settingGroups.find(({ settings }) => Object.keys(settings).some((key) => settingKey(key) === name));
  if (owner !== undefined && !isTable(value))
    return new UsageError(`${path}: ${name} must be in a table`, `Put it under [${owner.table}].`);
  const meant = nearest(
    name,
    settingGroups.map(({ table }) => table),
  );
  return new UsageError(
    `${path}: unknown table [${name}]`,
    meant ? `Did you mean [${meant}]?` : "Known: [serve], [client].",
  );
}

function checkTable(path: string, { table, settings }: SettingGroup, value: object): TomlTable {
  const known = new Map(Object.entries(settings).map(([property, setting]) => [settingKey(property), setting.kind]));
  const written = new Map<string, readonly string[]>();
  for (const [key, entry] of Object.entries(value)) {
    const kind = known.get(key);
    if (kind === undefined) {
      const meant = nearest(key, known.keys());
      throw new UsageError(`${path} [${table}]: unknown key ${key}`, meant && `Did you mean ${meant}?`);
    }
    const elements = readEntry(kind.shape, entry);
    if (elements === undefined) throw new UsageError(`${path} [${table}] ${key}: must be ${shapeWords[kind.shape]}`);
    written.set(key, elements);
  }
  return written;
}

type Shape = ValueKind<unknown>["shape"];

const shapeWords: Readonly<Record<Shape, string>> = {
  text: "a string, in quotes",
  integer: "a whole number, without quotes",
  switch: "true or false, without quotes",
  list: "an array of strings, or one string",
};

/** The elements of a TOML value as they would be written elsewhere, or undefined when it has another shape. */
function readEntry(shape: Shape, entry: unknown): readonly string[] | undefined {
  if (shape === "integer") return Number.isSafeInteger(entry) ? [String(entry)] : undefined;
  if (shape === "switch") return typeof entry === "boolean" ? [String(entry)] : undefined;
  if (typeof entry === "string") return [entry];
  if (shape === "text" || !Array.isArray(entry)) return undefined;
  const texts = entry.filter((element) => typeof element === "string");
  return texts.length === entry.length ? texts : undefined;
}
