import { type CommandNode, everyCommand, type OptionNode, type ValueNode } from "./tree.js";
import { valueCases } from "./value-cases.js";

/** To be sourced, or to be put into a folder of $fpath as `_nixfleet-dispatch`. */
export function zshScript(tree: CommandNode): string {
  const commands = everyCommand(tree);
  return `#compdef ${tree.name}
# Completion of ${tree.name} for zsh. Made by: ${tree.name} completion zsh

# $1 is the command, $2 an option: sets kind, and choices. Fails for an option that takes no value.
__nixfleet_dispatch_value() {
  case "$1 $2" in
${valueCases(tree, assignment)}
    *) return 1 ;;
  esac
}

# $1 is the command: sets subcommands and flags, each with what it is for.
__nixfleet_dispatch_next() {
  case "$1" in
${commands.map(nextCase).join("\n")}
    *) return 1 ;;
  esac
}

_nixfleet-dispatch() {
  local at= kind= word i
  local -a choices subcommands flags
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if __nixfleet_dispatch_value "$at" "$word"; then
      ((i++))
    elif [[ $word != -* ]] && __nixfleet_dispatch_next "$at $word"; then
      at="$at $word"
    fi
  done
  word=$words[CURRENT-1]
  if [[ $words[CURRENT] == --*=* ]]; then
    word=\${words[CURRENT]%%=*}
    compset -P '*='
  fi
  if __nixfleet_dispatch_value "$at" "$word"; then
    case $kind in
      file) _files ;;
      folder) _files -/ ;;
      words) _describe 'value' choices ;;
      *) _message 'a value' ;;
    esac
    return
  fi
  __nixfleet_dispatch_next "$at"
  if [[ $words[CURRENT] == -* ]]; then _describe -o 'option' flags; else _describe 'command' subcommands; fi
}

if [[ $funcstack[1] == _nixfleet-dispatch ]]; then
  _nixfleet-dispatch "$@"
else
  compdef _nixfleet-dispatch ${tree.name}
fi
`;
}

function assignment(value: ValueNode): string {
  return value.kind === "words" ? `kind=words choices=(${value.words.join(" ")})` : `kind=${value.kind}`;
}

function nextCase({ path, commands, options, words }: CommandNode): string {
  const next = [...commands.map(({ name, summary }) => described(name, summary)), ...words];
  return `    "${path}")
      subcommands=(${next.join(" ")})
      flags=(${options.flatMap(optionWords).join(" ")}) ;;`;
}

function optionWords({ flags, summary }: OptionNode): string[] {
  return flags.map((flag) => described(flag, summary));
}

/** A word and what it is for, as one word of the shell. */
function described(word: string, text: string): string {
  return `'${`${word}:${text.replaceAll(":", "\\:")}`.replaceAll("'", "'\\''")}'`;
}
