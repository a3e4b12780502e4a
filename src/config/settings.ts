import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { duration } from "./duration.js";
import {
  choice,
  database,
  file,
  folder,
  hostPort,
  hostPortOrNone,
  onOff,
  optional,
  serverName,
  wholeNumber,
} from "./kinds.js";
import { commonNamePatterns, domain, serverUrl } from "./names.js";
import type { ConfigOf, DefaultContext, Setting, SettingGroup, Settings, ValueKind } from "./setting.js";

/**
 * The one table of settings. Flags, variables, TOML keys, help, the typed configuration and `docs/configuration.md`
 * all come from it; a new setting is one new row here.
 */

const listening = "Listening";
const credentials = "Certificates";
const callers = "Who may call";
const queue = "Queue";
const postgres = "PostgreSQL";
const running = "Running";

const stateDir: Setting<string> = {
  kind: folder,
  text: "Folder for everything the program keeps: the database and the development certificates.",
  heading: running,
  defaultText: "$XDG_STATE_HOME/nixfleet-dispatch, else ~/.local/state/nixfleet-dispatch",
  fallback: ({ stateDir }) => stateDir,
};

export const serveGroup = settingGroup("serve", {
  listen: given(hostPort, listening, "Where agents and operators connect, over TLS 1.3. Port 0 picks a free one.", {
    text: "127.0.0.1:8443",
    value: () => ({ host: "127.0.0.1", port: 8443 }),
  }),
  adminListen: given(hostPortOrNone, listening, "Where health checks and metrics are served, in plain HTTP.", {
    text: "127.0.0.1:9464",
    value: () => ({ host: "127.0.0.1", port: 9464 }),
  }),

  tlsCert: absent(file, credentials, "The server's certificate (PEM), with its chain. Needs tls-key."),
  tlsKey: absent(file, credentials, "The private key (PEM) of tls-cert."),
  clientCa: absent(file, credentials, "The CA certificates (PEM) that agents' and operators' certificates come from."),
  operatorCa: absent(
    file,
    credentials,
    "CA certificates (PEM) for operators alone: only what they issued is an operator's, and never an agent's.",
  ),
  strict: given(onOff, credentials, "Refuse to start without client-ca, and so without development certificates.", {
    text: "false",
    value: () => false,
  }),

  agentCnSuffix: given(
    domain,
    callers,
    "What ends an agent's Common Name, which is agent-ID.DOMAIN with the machine's id.",
    {
      text: "fleet.lab.internal",
      value: () => "fleet.lab.internal",
    },
  ),
  operatorCn: given(
    commonNamePatterns,
    callers,
    "Which Common Names are operators': exact, or with one *. Repeatable; a variable separates with commas.",
    { text: "operator-*", value: () => ["operator-*"] },
  ),
  revocations: absent(file, callers, "A file of revoked machines, which the server follows as it changes."),

  db: given(
    database,
    queue,
    "Where the queue is: a SQLite file, a PostgreSQL as postgres://user@host/database (never with a password on the command line), or none to run without a queue.",
    {
      text: "<state-dir>/dispatch.db",
      value: ({ stateDir }) => ({ kind: "sqlite" as const, path: join(stateDir, "dispatch.db") }),
    },
  ),
  delivery: given(
    choice("MODE", ["once", "confirmed"]),
    queue,
    "When a poll without a lease counts as delivered: once its answer is written, or once receipt is proven.",
    { text: "once", value: () => "once" as const },
  ),
  confirmWithin: given(
    duration({ atLeast: "1s", atMost: "1h" }),
    queue,
    "With delivery confirmed: how long a dispatch is hidden while its receipt is not proven.",
    { text: "30s", value: () => 30_000 },
  ),
  retain: given(
    duration({ atLeast: "1h", atMost: "3650d" }),
    queue,
    "How long history, and dispatches that are done, are kept.",
    { text: "30d", value: () => 30 * 24 * 60 * 60 * 1_000 },
  ),
  pollsPerHost: given(wholeNumber(1, 1000, "polls"), queue, "How many waiting polls one host may have.", {
    text: "4",
    value: () => 4,
  }),
  sweep: given(
    duration({ atLeast: "100ms", atMost: "1h" }),
    queue,
    "How often the queue is looked at for waiting hosts even though nothing was announced.",
    { text: "60s; with PostgreSQL 5s", value: () => 60_000 },
  ),

  dbUrlFile: absent(
    file,
    postgres,
    "A file with the URL of a PostgreSQL, password and all, that only this user can read. Instead of db.",
  ),
  dbPoolSize: given(wholeNumber(2, 200, "connections"), postgres, "Connections to PostgreSQL; one more listens.", {
    text: "10",
    value: () => 10,
  }),
  dbConnectTimeout: given(
    duration({ atLeast: "100ms", atMost: "1m" }),
    postgres,
    "How long a new connection to PostgreSQL, or the wait for a free one, may take.",
    { text: "2s", value: () => 2_000 },
  ),
  dbStatementTimeout: given(
    duration({ atLeast: "1s", atMost: "10m" }),
    postgres,
    "PostgreSQL's statement_timeout: how long one statement may take.",
    { text: "10s", value: () => 10_000 },
  ),
  dbLockTimeout: given(
    duration({ atLeast: "100ms", atMost: "10m" }),
    postgres,
    "PostgreSQL's lock_timeout: how long a statement may wait for rows that another one holds.",
    { text: "5s", value: () => 5_000 },
  ),
  dbIdleInTransactionTimeout: given(
    duration({ atLeast: "1s", atMost: "10m" }),
    postgres,
    "PostgreSQL's idle_in_transaction_session_timeout: when it ends a transaction whose server has stopped.",
    { text: "10s", value: () => 10_000 },
  ),
  serverName: given(serverName, postgres, "What this server is called where several share a database.", {
    text: "the machine's name",
    value: () => hostname(),
  }),

  drainTimeout: given(
    duration({ atLeast: "0s", atMost: "15s" }),
    running,
    "How long answers in flight may take after a request to stop.",
    { text: "10s", value: () => 10_000 },
  ),
  logLevel: given(
    choice("LEVEL", ["fatal", "error", "warn", "info", "debug", "trace"]),
    running,
    "The least severe log lines that are written.",
    { text: "info", value: () => "info" as const },
  ),
  logFormat: given(
    choice("FORMAT", ["auto", "json", "pretty"]),
    running,
    "How log lines look; auto is pretty on a terminal.",
    {
      text: "auto",
      value: () => "auto" as const,
    },
  ),
  stateDir,
});

export const clientGroup = settingGroup("client", {
  server: given(serverUrl, "Connection", "The server's address.", {
    text: "https://localhost:8443",
    value: () => "https://localhost:8443",
  }),
  ca: absent(file, "Connection", "The CA certificates (PEM) that the server's certificate must come from."),
  cert: absent(file, "Connection", "Your own certificate (PEM). Needs key."),
  key: absent(file, "Connection", "The private key (PEM) of cert."),
  timeout: given(
    duration({ atLeast: "100ms", atMost: "1h" }),
    "Connection",
    "How long one call may take, connecting included.",
    { text: "30s", value: () => 30_000 },
  ),
  stateDir: { ...stateDir, heading: "Connection" },
});

/** What the making of certificates needs of the server's settings: the others may name files that are yet to be made. */
export const pkiGroup = settingGroup("serve", {
  agentCnSuffix: serveGroup.settings.agentCnSuffix,
  stateDir: serveGroup.settings.stateDir,
});

/** What a command needs of the server's settings that looks after its queue. */
export const databaseGroup = settingGroup("serve", {
  db: serveGroup.settings.db,
  dbUrlFile: serveGroup.settings.dbUrlFile,
  stateDir: serveGroup.settings.stateDir,
});

/** Every setting of the program, in the order of the reference page. */
export const settingGroups: readonly SettingGroup[] = [serveGroup, clientGroup];

/** What `serve` runs with. Paths are absolute, durations milliseconds. */
export type ServeConfig = ConfigOf<typeof serveGroup.settings>;
/** What `pki` runs with. */
export type PkiConfig = ConfigOf<typeof pkiGroup.settings>;
/** What `db` runs with. */
export type DatabaseConfig = ConfigOf<typeof databaseGroup.settings>;
/** What every command that calls a server runs with. Paths are absolute, durations milliseconds. */
export type ClientConfig = ConfigOf<typeof clientGroup.settings>;

/** `$XDG_STATE_HOME/nixfleet-dispatch`, else `~/.local/state/nixfleet-dispatch`. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state"), "nixfleet-dispatch");
}

function settingGroup<const S extends Settings>(table: SettingGroup["table"], settings: S): SettingGroup<S> {
  return { table, settings };
}

interface Default<T> {
  readonly text: string;
  readonly value: (context: DefaultContext) => T;
}

/** A setting that always has a value. */
function given<T>(kind: ValueKind<T>, heading: string, text: string, fallback: Default<NoInfer<T>>): Setting<T> {
  return { kind, heading, text, defaultText: fallback.text, fallback: fallback.value };
}

/** A setting that is `undefined` unless somebody gave it. */
function absent<T>(kind: ValueKind<T>, heading: string, text: string): Setting<T | undefined> {
  return { kind: optional(kind), heading, text, defaultText: "none", fallback: () => undefined };
}
