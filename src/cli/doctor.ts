import { Command } from "commander";
import { duration } from "../config/duration.js";
import { BrokenRule } from "../config/setting.js";
import { UsageError } from "../config/usage-error.js";
import { examine } from "./doctor/examine.js";
import { Report } from "./doctor/report.js";
import { addManual } from "./help.js";
import { interruptible } from "./interrupt.js";
import type { Io } from "./io.js";
import { writtenOptions } from "./operator/written-options.js";
import { addClientOptions } from "./options.js";

/** `doctor`: what is wrong between here and the server, or about to be. */
export function doctorCommand(io: Io): Command {
  const command = new Command("doctor")
    .summary("find out what is wrong, or about to be")
    .description(
      "Check what lies between an operator's machine and the agents' polls: settings, certificates and their dates, the\n" +
        "connection, clocks, versions, the server's own checks, the queue's file if it is on this machine, and whether a\n" +
        "silent connection lasts as long as a poll. For the last check it polls as an agent, if it has an agent's\n" +
        "certificate: never for a machine that something waits for or whose agent polls. Nothing is changed.\n" +
        "The exit code is 1 if a check has failed; what is to look at, or was skipped, is no failure.",
    )
    .option("--poll-for <DURATION>", "How long silence is held, at most 60s; 0s leaves it out.\n(default: 60s)")
    .option("--agent-cert <FILE>", "An agent's certificate (PEM) for the test poll. Needs --agent-key.")
    .option("--agent-key <FILE>", "The private key (PEM) of --agent-cert.")
    .option("--json", "Print one JSON object on each line: check, status (ok, warn, fail or skip), detail and advice.");
  addClientOptions(command);
  command.action(() => runDoctor(command, io));
  return addManual(command, {
    examples: [
      { purpose: "All of it; takes a minute", line: "nixfleet-dispatch doctor" },
      { purpose: "What can be found out at once", line: "nixfleet-dispatch doctor --poll-for 0s" },
      {
        purpose: "With a poll as agents make it, by a machine that nothing is dispatched to",
        line: "nixfleet-dispatch doctor --agent-cert agent-doctor.crt --agent-key agent-doctor.key",
      },
      {
        purpose: "What has failed, for a script",
        line: `nixfleet-dispatch doctor --json | jq -r 'select(.status == "fail") | .check'`,
      },
    ],
    exits: ["ok", "failure", "usage", "interrupted"],
  });
}

async function runDoctor(command: Command, io: Io): Promise<void> {
  const options = writtenOptions(command);
  const plan = {
    pollMs: parsePollFor(options.text("pollFor")),
    agentFiles: parseAgentFiles(options.text("agentCert"), options.text("agentKey")),
  };
  const report = new Report(io, options.isOn("json"));
  await interruptible(io, (signal) => examine({ command, io, signal, report, ...plan }));
  report.end();
}

/** @throws UsageError */
function parsePollFor(text = "60s"): number {
  try {
    return duration({ atLeast: "0s", atMost: "60s" }).parse([text], "");
  } catch (cause) {
    if (!(cause instanceof BrokenRule)) throw cause;
    throw new UsageError(`--poll-for: ${cause.message}, not "${text}"`, undefined, { cause });
  }
}

export interface AgentFiles {
  readonly cert: string;
  readonly key: string;
}

function parseAgentFiles(cert: string | undefined, key: string | undefined): AgentFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw new UsageError("--agent-cert and --agent-key go together");
}
