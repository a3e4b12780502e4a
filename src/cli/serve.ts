import { once } from "node:events";
import { hostname } from "node:os";
import { Command } from "commander";
import type { Logger } from "pino";
import { ListenError, type RunningServer, startServer } from "../app.js";
import { formatHostPort } from "../config/host-port.js";
import { settingFlag } from "../config/setting.js";
import type { ServeConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import { otherVariables } from "../config/variables.js";
import type { TlsTexts } from "../http/pem.js";
import { loadTlsFiles } from "../http/tls-files.js";
import { ensureDevelopmentPki } from "../pki/development.js";
import { failPointFrom } from "../telemetry/fail-points.js";
import { createLog } from "../telemetry/log.js";
import { databaseTarget } from "./database-target.js";
import { assertDevelopmentAllowed, enqueueFirstDispatch, printDevelopmentGuide } from "./development.js";
import { systemCode } from "./exit.js";
import { addManual } from "./help.js";
import { interruptible } from "./interrupt.js";
import type { Io } from "./io.js";
import { addServeOptions, serveConfig } from "./options.js";
import { hasColour, printJson } from "./output.js";

/** `nixfleet-dispatch serve`: the server, in the foreground, until SIGINT or SIGTERM. */
export function serveCommand(io: Io): Command {
  const command = new Command("serve")
    .summary("run the server")
    .description(
      "Runs the server in the foreground. Without any TLS setting it makes development certificates and says so.",
    )
    .option("--json", "Print one line of JSON on stdout once the server listens.");
  addServeOptions(command);
  addManual(command, {
    examples: [
      { purpose: "try it out on this machine, with development certificates", line: "nixfleet-dispatch serve" },
      {
        purpose: "a fleet's server",
        line: "nixfleet-dispatch serve --strict --listen 0.0.0.0:8443 --tls-cert server.crt --tls-key server.key --client-ca fleet-ca.crt --db /var/lib/nixfleet-dispatch/dispatch.db",
      },
      {
        purpose: "one of several servers on one PostgreSQL",
        line: "nixfleet-dispatch serve --strict --db-url-file /run/credentials/db-url --tls-cert server.crt --tls-key server.key --client-ca fleet-ca.crt",
      },
    ],
    exits: ["ok", "failure", "usage", "unavailable"],
  });
  return command.action(async (options: { json?: true }) => {
    await serve(serveConfig(command, io), { io, json: options.json === true });
  });
}

interface Surroundings {
  readonly io: Io;
  readonly json: boolean;
}

async function serve(config: ServeConfig, surroundings: Surroundings): Promise<void> {
  const { io } = surroundings;
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    isTty: io.stderr.isTTY === true,
    colour: hasColour(io, io.stderr),
  });
  // Signals are listened for before anybody is told that the server is up, and might send one.
  await interruptible(io, async (signal) => {
    const server = await startAndTell(config, surroundings, log);
    await untilStopped(server, { io, signal, log, reload: () => reload(server, config, log) });
  });
}

async function startAndTell(config: ServeConfig, { io, json }: Surroundings, log: Logger): Promise<RunningServer> {
  const development = config.tlsCert === undefined ? await prepareDevelopment(config) : undefined;
  const tls = development?.tls ?? loadTls(config, log);
  if (tls.clientCa === undefined) log.warn("no --client-ca: every call will be answered with 401");
  const server = await start(config, tls, log, io.env);
  const url = urlOf(config, server, development !== undefined);
  log.info({ url, admin: adminUrlOf(config, server), pid: process.pid }, "listening");
  if (json) printJson(io, { url, admin_url: adminUrlOf(config, server) ?? null, pid: process.pid });
  if (development !== undefined) {
    const enqueued = await enqueueFirstDispatch(server);
    if (!json) printDevelopmentGuide(io, { url, pki: development.pki, enqueued, config });
  }
  return server;
}

async function prepareDevelopment(config: ServeConfig) {
  assertDevelopmentAllowed(config);
  const pki = await ensureDevelopmentPki(config.stateDir, { suffix: config.agentCnSuffix });
  const quiet = { error() {}, warn() {}, info() {}, debug() {} };
  const paths = { cert: pki.server.cert, key: pki.server.key, clientCa: pki.ca, operatorCa: undefined };
  return { pki, tls: loadTlsFiles(paths, quiet, Date.now()) };
}

function loadTls({ tlsCert, tlsKey, clientCa, operatorCa }: ServeConfig, log: Logger): TlsTexts {
  // The resolved configuration has both or neither.
  if (tlsCert === undefined || tlsKey === undefined) throw new UsageError("--tls-cert and --tls-key go together");
  return loadTlsFiles({ cert: tlsCert, key: tlsKey, clientCa, operatorCa }, log, Date.now());
}

async function start(config: ServeConfig, tls: TlsTexts, log: Logger, env: Io["env"]): Promise<RunningServer> {
  try {
    const { sweep, drainTimeout, confirmWithin, retain, ...same } = config;
    const db = databaseTarget(config, log);
    const lengths = {
      sweepMs: sweep,
      drainTimeoutMs: drainTimeout,
      confirmWithinMs: confirmWithin,
      retainMs: retain,
    };
    return await startServer({
      ...same,
      ...lengths,
      db,
      tls,
      log,
      failPoint: failPointFrom(env[otherVariables.failPoint]),
    });
  } catch (error) {
    throw error instanceof ListenError ? listenTrouble(error) : error;
  }
}

/** Without the system's error as its cause: the exit code and the hint of that are those for a client's connection. */
function listenTrouble({ option, address, cause }: ListenError): Error {
  const code = systemCode(cause) ?? String(cause);
  const why = whyNotListening[code] ?? `cannot be listened on: ${code}`;
  return new Error(`${formatHostPort(address)} ${why}. Choose another address with ${settingFlag(option)}.`);
}

const whyNotListening: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program",
  EADDRNOTAVAIL: "is not an address of this machine",
  EACCES: "is not for this user to listen on: ports below 1024 need a privilege",
  ENOTFOUND: "does not resolve to an address",
  EAI_AGAIN: "does not resolve to an address",
};

function urlOf({ listen }: ServeConfig, { port }: RunningServer, isDevelopment: boolean): string {
  if (isDevelopment) return `https://localhost:${port}`;
  const everywhere = listen.host === "0.0.0.0" || listen.host === "::";
  return `https://${formatHostPort({ host: everywhere ? hostname() : listen.host, port })}`;
}

function adminUrlOf({ adminListen }: ServeConfig, { adminPort }: RunningServer): string | undefined {
  if (adminListen === "none" || adminPort === undefined) return undefined;
  return `http://${formatHostPort({ host: adminListen.host, port: adminPort })}`;
}

/** On SIGHUP. What cannot be read leaves everything as it was. */
function reload(server: RunningServer, config: ServeConfig, log: Logger): void {
  try {
    server.reload(config.tlsCert === undefined ? undefined : loadTls(config, log));
    log.info("reloaded: certificates and revocations");
  } catch (error) {
    log.error({ err: error }, "reload failed; the old certificates stay in force");
  }
}

interface Running {
  readonly io: Io;
  /** Aborts on the first SIGINT or SIGTERM. A second one ends the process at once: nobody listens for it any more. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly reload: () => void;
}

async function untilStopped(server: RunningServer, { io, signal, log, reload }: Running): Promise<void> {
  io.signals.on("SIGHUP", reload);
  if (!signal.aborted) await once(signal, "abort");
  const reason = signal.reason instanceof Error ? signal.reason.message : "stopped";
  log.info({ reason }, "draining");
  await server.close();
  io.signals.removeListener("SIGHUP", reload);
  log.info("stopped");
}
