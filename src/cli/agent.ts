import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { Command } from "commander";
import {
  type AgentEvent,
  type AgentOptions,
  type Dispatch,
  dispatches,
  dispatchToJson,
  plainDispatches,
} from "../agent/index.js";
import { settingVariable } from "../config/setting.js";
import { type ClientConfig, serveGroup } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import { machineIdFromCn } from "../identity/machine-id.js";
import { credentialFiles, readCredentials } from "./connect.js";
import { formatElapsed } from "./elapsed.js";
import { execFor } from "./exec.js";
import { addManual } from "./help.js";
import { Interrupted } from "./interrupt.js";
import type { Io } from "./io.js";
import { addClientOptions, clientConfig } from "./options.js";
import { printJson, printLine, printWarning } from "./output.js";
import { listenForStop, type StopSignals } from "./stop-signals.js";

/** `agent`: polls for this host's dispatches, prints them and runs a command for each. */
export function agentCommand(io: Io): Command {
  const command = new Command("agent")
    .summary("wait for this host's dispatches")
    .description(
      "Wait for this host's dispatches, for ever. Prints each one, and runs a command for it.\n" +
        "A poll waits up to 60 s for a dispatch, whatever --timeout says.\n" +
        "SIGTERM and SIGINT let a running command finish; a second one kills it. After SIGTERM the exit code is 0.",
    )
    .option(
      "--exec <CMD>",
      "Run by sh -c for each dispatch, which it gets as JSON on stdin and as NIXFLEET_HOSTNAME,\n" +
        "NIXFLEET_ROLLOUT_ID, NIXFLEET_TARGET_CLOSURE, NIXFLEET_SOAK_DUE_AT and NIXFLEET_ENQUEUED_AT.",
    )
    .option("--once", "End after the first dispatch, with exit code 1 if CMD failed.")
    .option("--plain", "Poll over plain JSON instead of the Connect protocol.")
    .option("--hostname <HOST>", "This machine's id.\n(default: the one in the certificate's Common Name)")
    .option(
      "--agent-cn-suffix <DOMAIN>",
      `The server's setting of this name, for finding the machine id in the Common Name.\n` +
        `(default: ${serveGroup.settings.agentCnSuffix.defaultText})\n[${settingVariable("agentCnSuffix")}]`,
    )
    .option("--json", "Print one JSON object for each dispatch; what CMD prints goes to stderr.");
  addClientOptions(command);
  command.action(() => runAgent(command, io));
  return addManual(command, {
    examples: [
      {
        purpose: "Print the dispatches of this host as they come",
        line: "nixfleet-dispatch agent --server https://dispatch.lab.internal:8443 --ca ca.crt --cert agent.crt --key agent.key",
      },
      {
        purpose: "Activate what is dispatched, with the connection from the configuration file",
        line: `nixfleet-dispatch agent --exec '"$NIXFLEET_TARGET_CLOSURE/bin/switch-to-configuration" switch'`,
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "interrupted"],
  });
}

interface AgentSettings {
  readonly exec: string | undefined;
  readonly once: boolean;
  readonly json: boolean;
  readonly open: (options: AgentOptions) => AsyncIterable<Dispatch>;
  readonly options: Pick<AgentOptions, "server" | "ca" | "cert" | "key" | "hostname">;
}

async function runAgent(command: Command, io: Io): Promise<void> {
  const settings = await readSettings(command, io);
  const signals = listenForStop(io);
  try {
    const failure = await handleDispatches(settings, signals, io);
    if (signals.by === "SIGINT") throw new Interrupted("stopped by SIGINT");
    if (failure !== undefined) throw new Error(`the command ${failure}`);
  } finally {
    signals.release();
  }
}

async function readSettings(command: Command, io: Io): Promise<AgentSettings> {
  const { exec, once, json, plain, hostname }: Readonly<Record<string, unknown>> = command.opts();
  const config = clientConfig(command, io);
  const files = credentialFiles(config, "agent");
  const { cert } = await readCredentials(files);
  const { ca } = files;
  return {
    exec: typeof exec === "string" ? exec : undefined,
    once: once === true,
    json: json === true,
    open: plain === true ? plainDispatches : dispatches,
    options: {
      server: config.server,
      // Read again at each reconnect: certificates are replaced while agents run.
      ...(ca === undefined ? {} : { ca: () => readFile(ca) }),
      cert: () => readFile(files.cert),
      key: () => readFile(files.key),
      hostname: typeof hostname === "string" ? hostname : machineIdOf(cert, cnSuffix(command, config, io)),
    },
  };
}

function cnSuffix(command: Command, { stateDir }: ClientConfig, { env }: Io): string {
  const { agentCnSuffix }: Readonly<Record<string, unknown>> = command.opts();
  if (typeof agentCnSuffix === "string") return agentCnSuffix;
  return env[settingVariable("agentCnSuffix")] || serveGroup.settings.agentCnSuffix.fallback({ stateDir });
}

function machineIdOf(certPem: string, suffix: string): string {
  // Typed as one string, but two CNs arrive as an array and none as undefined.
  const cn: unknown = new X509Certificate(certPem).toLegacyObject().subject?.CN;
  if (typeof cn === "string" && cn !== "") return machineIdFromCn(cn, suffix);
  throw new UsageError("--cert: the certificate does not have exactly one Common Name", "Pass --hostname.");
}

/** @returns why the command of the only dispatch failed, if there was only to be one */
async function handleDispatches(
  { exec, once, json, open, options }: AgentSettings,
  signals: StopSignals,
  io: Io,
): Promise<string | undefined> {
  const onEvent = (event: AgentEvent) => reportEvent(event, io);
  for await (const dispatch of open({ ...options, signal: signals.stop, failFast: once, onEvent })) {
    if (json) printJson(io, dispatchToJson(dispatch));
    else printLine(io, dispatchLine(dispatch));
    const failure =
      exec === undefined
        ? undefined
        : await execFor({
            command: exec,
            dispatch,
            env: io.env,
            cwd: io.cwd,
            stdout: json ? io.stderr : io.stdout,
            stderr: io.stderr,
            kill: signals.kill,
          });
    if (once) return failure;
    if (failure !== undefined) printWarning(io, `${dispatch.rolloutId}: the command ${failure}`);
  }
  return undefined;
}

function dispatchLine({ hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt }: Dispatch): string {
  const soak = `soak due ${formatElapsed(new Date(soakDueAt), new Date())}`;
  const cells = [enqueuedAt.padEnd(27), hostname, rolloutId.padEnd(24), soak.padEnd(18), targetClosure];
  return stripVTControlCharacters(cells.join("  ")).replace(/\p{Cc}/gu, "");
}

function reportEvent(event: AgentEvent, io: Io): void {
  switch (event.type) {
    case "polled-empty":
      return;
    case "refused":
      printWarning(io, `dropped a dispatch for another host, ${event.dispatch.hostname}`);
      return;
    case "retrying":
      printWarning(io, `${event.cause.message}; asking again in ${(event.delayMs / 1_000).toFixed(1)} s`);
      return;
    default:
      event satisfies never;
  }
}
