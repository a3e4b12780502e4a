import { Command, CommanderError } from "commander";
import { programVersion } from "../telemetry/version.js";
import { agentCommand } from "./agent.js";
import { cancelCommand } from "./cancel.js";
import { completionCommand } from "./completion.js";
import { configCommand } from "./config.js";
import { dashboardCommand } from "./dashboard.js";
import { dbCommand } from "./db.js";
import { doctorCommand } from "./doctor.js";
import { enqueueCommand } from "./enqueue.js";
import { exitNameOf, exitTable } from "./exit.js";
import { explainCommand } from "./explain.js";
import { flowingHelp } from "./help.js";
import { hostsCommand } from "./hosts.js";
import type { Io } from "./io.js";
import { listCommand } from "./list.js";
import { mistake } from "./mistake.js";
import { hasColour, printError } from "./output.js";
import { pkiCommand } from "./pki.js";
import { restoreCommand } from "./restore.js";
import { revocationsCommand } from "./revocations.js";
import { revokeCommand } from "./revoke.js";
import { serveCommand } from "./serve.js";
import { showCommand } from "./show.js";
import { statsCommand } from "./stats.js";
import { watchCommand } from "./watch.js";

/**
 * Runs one command line, without the program's name, and tells the exit code. Whatever goes wrong is printed here.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await program(io).parseAsync(args, { from: "user" });
    return exitTable.ok.code;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitTable.ok.code;
    printError(io, thrown);
    return exitTable[exitNameOf(thrown)].code;
  }
}

/** Every command. Each is one file, which knows nothing of the others. */
export function commands(io: Io): Command[] {
  const make = [
    ...[serveCommand, enqueueCommand, listCommand, showCommand, explainCommand, cancelCommand, watchCommand],
    ...[hostsCommand, statsCommand, dashboardCommand, revokeCommand, restoreCommand, revocationsCommand],
    ...[agentCommand, doctorCommand, pkiCommand, configCommand, dbCommand, completionCommand],
  ];
  return make.map((command) => command(io));
}

function program(io: Io): Command {
  const root = new Command("nixfleet-dispatch")
    .description('Hands dispatches ("host H: activate closure C for rollout R") to agents that only ever pull.')
    .version(programVersion(), "-V, --version", "Print the version.")
    .helpOption("-h, --help", "Print this help.")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp(flowingHelp);
  for (const command of commands(io)) root.addCommand(command);
  equip(root, root, io);
  return root;
}

/** Gives a command and those under it the program's streams, and its way of reporting mistakes. */
function equip(command: Command, root: Command, io: Io): void {
  if (command !== root) command.copyInheritedSettings(root);
  command.configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    outputError: () => {}, // `run` prints it, with a hint.
    getOutHelpWidth: () => io.stdout.columns ?? 100,
    getErrHelpWidth: () => io.stderr.columns ?? 100,
    getOutHasColors: () => hasColour(io, io.stdout),
    getErrHasColors: () => hasColour(io, io.stderr),
  });
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : mistake(error, command);
  });
  for (const child of command.commands) equip(child, root, io);
}
