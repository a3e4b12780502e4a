import type { Command } from "commander";
import { type ExitName, exitTable } from "./exit.js";

/** A command line that works, and what it is for. */
export interface Example {
  readonly purpose: string;
  readonly line: string;
}

export interface CommandManual {
  /** The first one is shown when something required is missing. */
  readonly examples: readonly [Example, ...Example[]];
  /** The exit codes that the command can end with. */
  readonly exits: readonly ExitName[];
}

/** For texts that are written in lines: they are wrapped at the terminal's width only. What stands in brackets begins a line. */
export const flowingHelp = { styleCommandDescription: flowing, styleOptionDescription: flowing };

function flowing(text: string): string {
  return text.replace(/(?<!\n)\n(?![\n(])/g, " ");
}

const manuals = new WeakMap<Command, CommandManual>();

/** Adds examples and exit codes to the end of a command's help. */
export function addManual(command: Command, manual: CommandManual): Command {
  manuals.set(command, manual);
  const examples = manual.examples.map(({ purpose, line }) => `  # ${purpose}\n  ${line}`);
  const exits = manual.exits.map((name) => `  ${String(exitTable[name].code).padEnd(5)}${exitTable[name].meaning}`);
  return command.addHelpText("after", `\nExamples:\n${examples.join("\n\n")}\n\nExit codes:\n${exits.join("\n")}`);
}

/** The first example of a command that has a manual. */
export function firstExample(command: Command): string | undefined {
  return manuals.get(command)?.examples[0].line;
}
