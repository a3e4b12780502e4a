import { readFileSync } from "node:fs";
import type { ClientConfig } from "pg";

/** Where a database is and how it is reached, as far as its URL says. Holds the password: never to be logged. */
export type DatabaseAddress = Pick<ClientConfig, "host" | "port" | "user" | "password" | "database" | "ssl">;

/** A URL that breaks a rule. The message names the rule and never what stands in the URL. */
export class DatabaseUrlError extends Error {
  override readonly name = "DatabaseUrlError";
}

const parameters = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey"] as const;
type Parameter = (typeof parameters)[number];
type Parameters = Readonly<Partial<Record<Parameter, string>>>;

/**
 * From `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…&sslcert=…&sslkey=…`. A folder as `?host=/…` is
 * that of a Unix socket. What the URL does not say comes from `PGUSER`, `PGPASSWORD`, `PGPASSFILE` and the like.
 *
 * Without `sslmode`, connections to this machine are plain and all others are as with `verify-full`.
 *
 * @throws DatabaseUrlError, or Error for a certificate file that cannot be read
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new DatabaseUrlError("it must be postgres://user@host:port/database");
  }
  const given = parametersOf(url);
  const host = given.host ?? (decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1") || undefined);
  const database = decodeURIComponent(url.pathname.slice(1)) || undefined;
  return {
    ...(host !== undefined && { host }),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(url.username !== "" && { user: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
    ...(database !== undefined && { database }),
    ssl: tlsFor(given, host),
  };
}

function parametersOf(url: URL): Parameters {
  const given: Partial<Record<Parameter, string>> = {};
  for (const [key, value] of url.searchParams) {
    const known = parameters.find((parameter) => parameter === key);
    if (known === undefined) {
      throw new DatabaseUrlError(`it has the unknown parameter ${key}; known are ${parameters.join(", ")}`);
    }
    given[known] = value;
  }
  return given;
}

const modes = ["disable", "require", "verify-ca", "verify-full"] as const;

function tlsFor(given: Parameters, host: string | undefined): ClientConfig["ssl"] {
  const mode = given.sslmode ?? (isLocal(host) && given.sslrootcert === undefined ? "disable" : "verify-full");
  if (!modes.some((known) => known === mode)) {
    throw new DatabaseUrlError(`sslmode must be one of ${modes.join(", ")}`);
  }
  if (mode === "disable") return false;
  // As libpq has it: with a root certificate at hand, `require` looks at it too.
  const verifiesCa = mode !== "require" || given.sslrootcert !== undefined;
  return {
    rejectUnauthorized: verifiesCa,
    ...(mode !== "verify-full" && { checkServerIdentity: () => undefined }),
    ...(given.sslrootcert !== undefined && { ca: readFileSync(given.sslrootcert, "utf8") }),
    ...(given.sslcert !== undefined && { cert: readFileSync(given.sslcert, "utf8") }),
    ...(given.sslkey !== undefined && { key: readFileSync(given.sslkey, "utf8") }),
  };
}

function isLocal(host: string | undefined): boolean {
  return host === undefined || host.startsWith("/") || host === "localhost" || /^(127\.|::1$)/.test(host);
}

/** The URL for people and logs: without the password and the parameters. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return "postgres://…";
  const url = new URL(text);
  url.password = "";
  url.search = "";
  return url.href;
}
