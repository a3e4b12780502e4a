import { type CommandNode, everyCommand, type OptionNode } from "./tree.js";

/** For fish 3 and later. */
export function fishScript(tree: CommandNode): string {
  const commands = everyCommand(tree);
  return `# Completion of ${tree.name} for fish. Made by: ${tree.name} completion fish

# Whether $argv[1] is the command that is being typed.
function __nixfleet_dispatch_at
  set -l at ''
  set -l is_value 0
  for word in (commandline -opc)[2..-1]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch "$at $word"
      case ${valueOptions(commands).join(" ")}
        set is_value 1
      case ${commands.flatMap(({ path }) => (path === "" ? [] : [quote(path)])).join(" ")}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end

complete -c ${tree.name} -f
${commands.flatMap((command) => lines(tree.name, command)).join("\n")}
`;
}

function valueOptions(commands: readonly CommandNode[]): string[] {
  return commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) => (value === undefined ? [] : flags.map((flag) => quote(`${path} ${flag}`)))),
  );
}

function lines(program: string, { path, commands, options, words }: CommandNode): string[] {
  const complete = `complete -c ${program} -n ${quote(`__nixfleet_dispatch_at ${quote(path)}`)}`;
  return [
    ...commands.map(({ name, summary }) => `${complete} -a ${name} -d ${quote(summary)}`),
    ...(words.length === 0 ? [] : [`${complete} -a ${quote(words.join(" "))}`]),
    ...options.map((option) => `${complete} ${optionWords(option)}`),
  ];
}

function optionWords({ flags, value, summary }: OptionNode): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, valueWords(value), `-d ${quote(summary)}`].filter((word) => word !== "").join(" ");
}

function valueWords(value: OptionNode["value"]): string {
  switch (value?.kind) {
    case undefined:
      return "";
    case "words":
      return `-x -a ${quote(value.words.join(" "))}`;
    case "file":
      return "-r -F";
    case "folder":
      return "-x -a '(__fish_complete_directories)'";
    case "other":
      return "-x";
    default:
      return value satisfies never;
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
