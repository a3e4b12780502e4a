import type { Command, Option } from "commander";
import { settingGroups } from "../../config/settings.js";

/** A command as completion sees it. */
export interface CommandNode {
  /** As it is typed behind the program's name, each word with a space before it: ` pki agent`; empty for the program. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandNode[];
  readonly options: readonly OptionNode[];
  /** What its argument can be, where that is known beforehand. */
  readonly words: readonly string[];
}

export interface OptionNode {
  /** `--help`, and `-h` where there is a short one. */
  readonly flags: readonly string[];
  readonly summary: string;
  /** `undefined` for one that takes none. */
  readonly value: ValueNode | undefined;
}

/** What an option takes. `other` is for what nobody can guess. */
export type ValueNode =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "folder" | "other" };

/** The command and all under it, with what its help shows. */
export function commandTree(command: Command, parentPath?: string): CommandNode {
  const path = parentPath === undefined ? "" : `${parentPath} ${command.name()}`;
  const help = command.createHelp();
  const commands = help.visibleCommands(command).map((child) => commandTree(child, path));
  const names = commands.map(({ name }) => name);
  return {
    path,
    name: command.name(),
    summary: firstSentence(command.summary() || command.description()),
    commands: commands.map((child) => (child.name === "help" ? { ...child, words: names } : child)),
    options: help.visibleOptions(command).map(optionNode),
    words: command.registeredArguments[0]?.argChoices ?? [],
  };
}

/** The command itself, and every one under it. */
export function everyCommand(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(everyCommand)];
}

function optionNode(option: Option): OptionNode {
  const flags = [option.long, option.short].filter((flag) => flag !== undefined);
  return { flags, summary: firstSentence(option.description), value: valueNode(option) };
}

function valueNode(option: Option): ValueNode | undefined {
  if (option.isBoolean()) return undefined;
  const words = option.argChoices ?? settingWords.get(option.attributeName());
  if (words !== undefined) return { kind: "words", words };
  const [, placeholder = ""] = /<(.*)>/.exec(option.flags) ?? [];
  if (/^FILE\b/.test(placeholder)) return { kind: "file" };
  return { kind: placeholder === "DIR" ? "folder" : "other" };
}

/** The settings that are one of a few words, by the names of their properties. */
const settingWords: ReadonlyMap<string, readonly string[]> = new Map(
  settingGroups.flatMap(({ settings }) =>
    Object.entries(settings).flatMap(([property, { kind }]) =>
      kind.words === undefined ? [] : [[property, kind.words] as const],
    ),
  ),
);

/** Without the full stop. */
function firstSentence(text: string): string {
  const [first = ""] = text.split(/\.?\n|\. /, 1);
  return first.replace(/\.$/, "");
}
