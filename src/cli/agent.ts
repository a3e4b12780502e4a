import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { duration } from "../config/duration.js";
import { BrokenRule, settingVariable } from "../config/setting.js";
import { type ClientConfig, serveGroup } from "../config/settings.js";
import { UsageError } from "../config/usage-error.js";
import { type AgentRun, runDispatches } from "./agent-run.js";
import { credentialFiles, readCredentials } from "./connect.js";
import { addManual } from "./help.js";
import { Interrupted } from "./interrupt.js";
import type { Io } from "./io.js";
import { machineIdOf } from "./machine-id.js";
import { addClientOptions, clientConfig } from "./options.js";
import { listenForStop } from "./stop-signals.js";

/** `agent`: polls for this host's dispatches, prints them and runs a command for each. */
export function agentCommand(io: Io): Command {
  const command = new Command("agent")
    .summary("wait for this host's dispatches")
    .description(
      "Wait for this host's dispatches, for ever. Prints each one, and runs a command for it.\n" +
        "With --lease the server hears how the command ended, and hands the dispatch out again if it does not.\n" +
        "SIGTERM and SIGINT let a running command finish; a second one kills it. After SIGTERM the exit code is 0.",
    )
    .option(
      "--exec <CMD>",
      "Run by sh -c for each dispatch, which it gets as JSON on stdin and as NIXFLEET_HOSTNAME,\n" +
        "NIXFLEET_ROLLOUT_ID, NIXFLEET_TARGET_CLOSURE, NIXFLEET_SOAK_DUE_AT and NIXFLEET_ENQUEUED_AT.",
    )
    .option(
      "--lease <DURATION>",
      "Take each dispatch under a lease of so long, 1s to 1h, which is extended while CMD runs. Needs --exec.\n" +
        "The dispatch is acknowledged when CMD succeeds, and rejected with its last line on stderr when it fails.\n" +
        "If the lease is lost, CMD is killed with all it has started. CMD gets NIXFLEET_ATTEMPT (1, 2, …) as well.",
    )
    .option(
      "--once",
      "End after the first dispatch, with exit code 1 if CMD failed or, with --lease, it was not settled.",
    )
    .option("--plain", "Poll over plain JSON instead of the Connect protocol.")
    .option("--hostname <HOST>", "This machine's id.\n(default: the one in the certificate's Common Name)")
    .option(
      "--agent-cn-suffix <DOMAIN>",
      `The server's setting of this name, for finding the machine id in the Common Name.\n` +
        `(default: ${serveGroup.settings.agentCnSuffix.defaultText})\n[${settingVariable("agentCnSuffix")}]`,
    )
    .option(
      "--json",
      "Print one JSON object for each dispatch; what CMD prints goes to stderr. With --lease it has the field\n" +
        `lease {token, expires_at, attempt}, and another object follows when the dispatch is over:\n` +
        `{hostname, rollout_id, attempt, outcome, reason}, its outcome being acknowledged, rejected (with reason),\n` +
        "lost (with reason: it is handed out again) or abandoned (by a second signal: the same).",
    );
  addClientOptions(command, ["server", "ca", "cert", "key", "stateDir"]);
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
      {
        purpose: "The same, and have it handed out again if this machine goes down meanwhile",
        line: `nixfleet-dispatch agent --lease 60s --exec '"$NIXFLEET_TARGET_CLOSURE/bin/switch-to-configuration" switch'`,
      },
      {
        purpose: "Do one dispatch and show what became of it",
        line: "nixfleet-dispatch agent --once --lease 5m --exec ./activate.sh --json | jq -r 'select(.outcome) | .outcome'",
      },
    ],
    exits: ["ok", "failure", "usage", "denied", "interrupted"],
  });
}

async function runAgent(command: Command, io: Io): Promise<void> {
  const run = await readRun(command, io);
  const signals = listenForStop(io);
  try {
    const problem = await runDispatches(run, signals, io);
    if (signals.by === "SIGINT") throw new Interrupted("stopped by SIGINT");
    if (problem !== undefined) throw new Error(problem);
  } finally {
    signals.release();
  }
}

async function readRun(command: Command, io: Io): Promise<AgentRun> {
  const { exec, lease, once, json, plain, hostname }: Readonly<Record<string, unknown>> = command.opts();
  const work = workOf(exec, lease);
  const config = clientConfig(command, io);
  const files = credentialFiles(config, "agent");
  const { cert } = await readCredentials(files);
  const { ca } = files;
  return {
    work,
    once: once === true,
    json: json === true,
    plain: plain === true,
    connection: {
      server: config.server,
      // Read again at each reconnect: certificates are replaced while agents run.
      ...(ca === undefined ? {} : { ca: () => readFile(ca) }),
      cert: () => readFile(files.cert),
      key: () => readFile(files.key),
      hostname: typeof hostname === "string" ? hostname : machineIdOf(cert, cnSuffix(command, config, io)),
    },
  };
}

/** @throws UsageError */
function workOf(exec: unknown, lease: unknown): AgentRun["work"] {
  const command = typeof exec === "string" ? exec : undefined;
  if (typeof lease !== "string") return { leaseSeconds: undefined, exec: command };
  const leaseSeconds = parseLeaseSeconds(lease);
  if (command !== undefined) return { leaseSeconds, exec: command };
  throw new UsageError(
    "--lease needs --exec: without a command there is nothing to report",
    `For example: nixfleet-dispatch agent --lease ${lease} --exec ./activate.sh`,
  );
}

function parseLeaseSeconds(text: string): number {
  try {
    const seconds = duration({ atLeast: "1s", atMost: "1h" }).parse([text], "") / 1_000;
    if (Number.isInteger(seconds)) return seconds;
    throw new BrokenRule("must be whole seconds");
  } catch (error) {
    if (error instanceof BrokenRule) throw new UsageError(`--lease: ${error.message}`, "For example: --lease 60s");
    throw error;
  }
}

function cnSuffix(command: Command, { stateDir }: ClientConfig, { env }: Io): string {
  const { agentCnSuffix }: Readonly<Record<string, unknown>> = command.opts();
  if (typeof agentCnSuffix === "string") return agentCnSuffix;
  return env[settingVariable("agentCnSuffix")] || serveGroup.settings.agentCnSuffix.fallback({ stateDir });
}
