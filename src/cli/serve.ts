import { once } from "node:events";
import { hostname } from "node:os";
import { Command } from "commander";
import type { Logger } from "pino";
import { type RunningServer, startServer } from "../app.js";
import { formatHostPort } from "../config/host-port.js";
import type { ServeConfig } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import type { TlsTexts } from "../http/pem.js";
import { loadTlsFiles } from "../http/tls-files.js";
import { ensureDevelopmentPki } from "../pki/development.js";
import { createLog } from "../telemetry/log.js";
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
    ],
    exits: ["ok", "failure", "usage"],
  });
  return command.action(async (options: { json?: true }) => {
    await serve(serveConfig(command, io), { io, json: options.json === true });
  });
}

interface Surroundings {
  readonly io: Io;
  readonly json: boolean;
}

async function serve(config: ServeConfig, { io, json }: Surroundings): Promise<void> {
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    isTty: io.stderr.isTTY === true,
    colour: hasColour(io, io.stderr),
  });
  const development = config.tlsCert === undefined ? await prepareDevelopment(config) : undefined;
  const tls = development?.tls ?? loadTls(config, log);
  if (tls.clientCa === undefined) log.warn("no --client-ca: every call will be answered with 401");
  const server = await start(config, tls, log);
  const url = urlOf(config, server, development !== undefined);
  log.info({ url, admin: adminUrlOf(config, server), pid: process.pid }, "listening");
  if (json) printJson(io, { url, admin_url: adminUrlOf(config, server) ?? null, pid: process.pid });
  if (development !== undefined) {
    const enqueued = await enqueueFirstDispatch(server);
    if (!json) printDevelopmentGuide(io, { url, pki: development.pki, enqueued, config });
  }
  await untilStopped(server, io, log);
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

async function start(config: ServeConfig, tls: TlsTexts, log: Logger): Promise<RunningServer> {
  try {
    const { sweep, drainTimeout, ...same } = config;
    return await startServer({ ...same, tls, sweepMs: sweep, drainTimeoutMs: drainTimeout, log });
  } catch (error) {
    throw listenError(error, config) ?? error;
  }
}

function listenError(error: unknown, { listen, adminListen }: ServeConfig): Error | undefined {
  const code = systemCode(error);
  if (!(error instanceof Error) || !("port" in error)) return undefined;
  const isAdmin = adminListen !== "none" && error.port === adminListen.port && error.port !== listen.port;
  const flag = isAdmin ? "--admin-listen" : "--listen";
  const address = formatHostPort(isAdmin ? adminListen : listen);
  const why = code === "EADDRINUSE" ? "is in use by another program" : `cannot be listened on (${code})`;
  return new Error(`${address} ${why}. Stop that one, or choose another address with ${flag}.`, { cause: error });
}

function urlOf({ listen }: ServeConfig, { port }: RunningServer, isDevelopment: boolean): string {
  if (isDevelopment) return `https://localhost:${port}`;
  const everywhere = listen.host === "0.0.0.0" || listen.host === "::";
  return `https://${formatHostPort({ host: everywhere ? hostname() : listen.host, port })}`;
}

function adminUrlOf({ adminListen }: ServeConfig, { adminPort }: RunningServer): string | undefined {
  if (adminListen === "none" || adminPort === undefined) return undefined;
  return `http://${formatHostPort({ host: adminListen.host, port: adminPort })}`;
}

async function untilStopped(server: RunningServer, io: Io, log: Logger): Promise<void> {
  const reload = (): void => server.reload();
  io.signals.on("SIGHUP", reload);
  // Only the first signal is listened for: a second one ends the process at once.
  const reason = await interruptible(io, async (signal) => {
    await once(signal, "abort");
    return signal.reason instanceof Error ? signal.reason.message : "stopped";
  });
  log.info({ reason }, "draining");
  await server.close();
  io.signals.removeListener("SIGHUP", reload);
  log.info("stopped");
}
