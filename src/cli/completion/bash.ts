import { type CommandNode, everyCommand, type ValueNode } from "./tree.js";
import { valueCases } from "./value-cases.js";

/** For bash 3.2 and later; needs nothing of bash-completion. */
export function bashScript(tree: CommandNode): string {
  const commands = everyCommand(tree);
  return `# Completion of ${tree.name} for bash. Made by: ${tree.name} completion bash

# $1 is the command, $2 an option: sets kind, and words. Fails for an option that takes no value.
__nixfleet_dispatch_value() {
  case "$1 $2" in
${valueCases(tree, assignment)}
    *) return 1 ;;
  esac
}

# $1 is the command: sets commands and options.
__nixfleet_dispatch_next() {
  case "$1" in
${commands.map(nextCase).join("\n")}
    *) return 1 ;;
  esac
}

_nixfleet_dispatch() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local at= kind= words= commands= options= word i
  COMPREPLY=()
  # bash makes three words of --option=value.
  if [[ $cur == "=" ]]; then cur=
  elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if __nixfleet_dispatch_value "$at" "$word"; then
      [[ \${COMP_WORDS[i+1]} == "=" ]] && ((i++))
      ((i++))
    elif [[ $word != -* ]] && __nixfleet_dispatch_next "$at $word"; then
      at="$at $word"
    fi
  done
  kind=
  if __nixfleet_dispatch_value "$at" "$prev"; then
    case $kind in
      file) compopt -o filenames 2>/dev/null; set -- -f ;;
      folder) compopt -o filenames 2>/dev/null; set -- -d ;;
      words) set -- -W "$words" ;;
      *) return ;;
    esac
  else
    __nixfleet_dispatch_next "$at"
    if [[ $cur == -* ]]; then set -- -W "$options"; else set -- -W "$commands"; fi
  fi
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@" -- "$cur")
}

complete -F _nixfleet_dispatch ${tree.name}
`;
}

function assignment(value: ValueNode): string {
  return value.kind === "words" ? `kind=words words="${value.words.join(" ")}"` : `kind=${value.kind}`;
}

function nextCase({ path, commands, options, words }: CommandNode): string {
  const next = [...commands.map(({ name }) => name), ...words].join(" ");
  return `    "${path}") commands="${next}" options="${options.flatMap(({ flags }) => flags).join(" ")}" ;;`;
}
