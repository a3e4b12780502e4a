import { formatHostPort } from "./host-port.js";
import { isDatabaseUrl } from "./kinds.js";
import {
  BrokenRule,
  type ConfigOf,
  type Setting,
  type SettingGroup,
  type Settings,
  settingFlag,
  settingKey,
  settingVariable,
} from "./setting.js";
import {
  type ClientConfig,
  clientGroup,
  type DatabaseConfig,
  databaseGroup,
  defaultStateDir,
  type PkiConfig,
  pkiGroup,
  type ServeConfig,
  serveGroup,
} from "./settings.js";
import { readTomlFile, type TomlFile } from "./toml-file.js";
import { UsageError } from "./usage-error.js";

/** Where settings may come from. */
export interface Sources {
  /** Flags by property name: what was written, one element for everything but lists. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  /** What `--config` named. */
  readonly configFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in flags and variables start here. */
  readonly cwd: string;
}

/**
 * The configuration of `serve`: flag, else variable, else TOML file, else default.
 * @throws UsageError that names where a bad value came from, and the rule it breaks
 */
export function resolveServe(sources: Sources): ServeConfig {
  return resolveServeWithOrigins(sources).config;
}

export interface ServeConfigWithOrigins {
  readonly config: ServeConfig;
  /** Property name to where its value was written (`--listen`, a variable, a file and its key); without the defaults. */
  readonly origins: ReadonlyMap<string, string>;
}

/** {@link resolveServe}, and where each value comes from. */
export function resolveServeWithOrigins(sources: Sources): ServeConfigWithOrigins {
  const { config, origins } = resolveGroup(serveGroup, sources);
  needs(origins, "tlsCert", "tlsKey");
  needs(origins, "tlsKey", "tlsCert");
  needs(origins, "clientCa", "tlsCert");
  needs(origins, "operatorCa", "tlsCert");
  if (config.strict) needs(origins, "strict", "clientCa");
  assertTwoAddresses(config);
  assertOneDatabase(config, origins);
  return { config: sweepingAsItShould(config, origins), origins };
}

function assertOneDatabase({ db }: ServeConfig, origins: Origins): void {
  const [origin, fileOrigin] = [origins.get("db"), origins.get("dbUrlFile")];
  if (origin !== undefined && fileOrigin !== undefined) {
    throw new UsageError(`${origin} and ${fileOrigin} name two databases`, "Leave one of them out.");
  }
  if (db.kind !== "postgres" || origin === undefined || origin === settingVariable("db")) return;
  if (new URL(db.url).password === "") return;
  throw new UsageError(
    `${origin}: must not hold a password, which others on this machine can see there`,
    `Put the URL into a file that only you can read and name it with ${settingFlag("dbUrlFile")}, or set ${settingVariable("db")} or PGPASSFILE.`,
  );
}

/** Between servers a kick may get lost with a connection, and the sweep is what limits that. */
const sweepOfManyMs = 5_000;

function sweepingAsItShould(config: ServeConfig, origins: Origins): ServeConfig {
  const isShared = config.db.kind === "postgres" || config.dbUrlFile !== undefined;
  return isShared && !origins.has("sweep") ? Object.freeze({ ...config, sweep: sweepOfManyMs }) : config;
}

function assertTwoAddresses({ listen, adminListen }: ServeConfig): void {
  if (adminListen === "none" || listen.port === 0) return;
  if (listen.port !== adminListen.port || listen.host !== adminListen.host) return;
  const address = formatHostPort(listen);
  throw new UsageError(
    `--listen and --admin-listen are the same address, ${address}`,
    "Give one of them another port.",
  );
}

/** The configuration of a command that calls a server; see {@link resolveServe}. */
export function resolveClient(sources: Sources): ClientConfig {
  const { config, origins } = resolveGroup(clientGroup, sources);
  needs(origins, "cert", "key");
  needs(origins, "key", "cert");
  return config;
}

/** The configuration of `pki`; see {@link resolveServe}. */
export function resolvePki(sources: Sources): PkiConfig {
  return resolveGroup(pkiGroup, sources).config;
}

/** The configuration of `db`; see {@link resolveServe}. */
export function resolveDatabase(sources: Sources): DatabaseConfig {
  return resolveGroup(databaseGroup, sources).config;
}

/** Property name to where its value was written, for those that are no default. */
type Origins = ReadonlyMap<string, string>;

function needs(origins: Origins, property: string, other: string): void {
  const origin = origins.get(property);
  if (origin === undefined || origins.has(other)) return;
  throw new UsageError(
    `${origin} needs ${settingKey(other)} too`,
    `Add ${settingFlag(other)}, or set ${settingVariable(other)}.`,
  );
}

function resolveGroup<S extends Settings>(group: SettingGroup<S>, sources: Sources) {
  const toml = readTomlFile({ flag: sources.configFile, env: sources.env, cwd: sources.cwd });
  const origins = new Map<string, string>();
  const read = <T>(property: string, setting: Setting<T>, stateDir: string): T => {
    const written = find(group, property, sources, toml);
    if (written === undefined) return setting.fallback({ stateDir });
    origins.set(property, written.origin);
    return parse(setting, written);
  };
  const stateDir = read("stateDir", group.settings.stateDir, defaultStateDir(sources.env));
  const entries = Object.entries(group.settings).map(([property, setting]) => [
    property,
    Object.freeze(read(property, setting, stateDir)),
  ]);
  // The table's types say what each of its rows parses to; `Object.fromEntries` forgets that, and only that.
  const config: ConfigOf<S> = Object.fromEntries(entries);
  return { config: Object.freeze(config), origins };
}

interface Written {
  readonly elements: readonly string[];
  /** `--listen`, `NIXFLEET_DISPATCH_LISTEN` or `/etc/…/config.toml [serve] listen`. */
  readonly origin: string;
  readonly folder: string;
}

function find(
  group: SettingGroup,
  property: string,
  sources: Sources,
  toml: TomlFile | undefined,
): Written | undefined {
  const { cwd: folder, flags, env } = sources;
  const flag = flags.get(property);
  if (flag !== undefined) return { elements: flag, origin: settingFlag(property), folder };
  const variable = env[settingVariable(property)];
  // An empty variable counts as not set, as in the XDG base directory rules.
  if (variable) {
    const list = group.settings[property]?.kind.shape === "list";
    const elements = list ? variable.split(",").map((element) => element.trim()) : [variable];
    return { elements, origin: settingVariable(property), folder };
  }
  const key = settingKey(property);
  const elements = toml?.tables.get(group.table)?.get(key);
  if (toml === undefined || elements === undefined) return undefined;
  return { elements, origin: `${toml.path} [${group.table}] ${key}`, folder: toml.folder };
}

function parse<T>(setting: Setting<T>, { elements, origin, folder }: Written): T {
  try {
    return setting.kind.parse(elements, folder);
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    const text = elements.join(", ");
    // A long or many-lined value is no name or path but what is in a file, perhaps a key: it is not repeated.
    // So is a URL with a password.
    const isShown = text.length <= 100 && !/[\p{Cc}]|-----BEGIN/u.test(text) && !isDatabaseUrl(text);
    const shown = isShown ? `, not "${text}"` : "";
    throw new UsageError(`${origin}: ${cause.message}${shown}`, undefined, { cause });
  }
}
