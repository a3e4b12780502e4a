import type { Command, CommanderError } from "commander";
import { UsageError } from "../config/usage-error.js";
import { firstExample } from "./help.js";

/** Commander's complaint about a command line, with what to type instead. */
export function mistake({ code, message }: CommanderError, command: Command): UsageError {
  const helpLine = `${pathOf(command)} --help`;
  if (code === "commander.help")
    return new UsageError("a command is missing", `Type one of those above, or: ${helpLine}`);
  const [problem = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const meant = rest.join(" ").replace(/^\(|\)$/g, "");
  if (meant !== "") return new UsageError(problem, meant);
  const example = code.startsWith("commander.missing") ? firstExample(command) : undefined;
  return new UsageError(problem, example === undefined ? `See: ${helpLine}` : `For example: ${example}`);
}

/** `nixfleet-dispatch pki agent`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
