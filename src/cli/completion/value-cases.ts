import { type CommandNode, everyCommand, type ValueNode } from "./tree.js";

/**
 * The branches of a `case "$1 $2"` of bash or zsh over a command's path and an option of it that takes a value: one for all
 * options that take the same.
 */
export function valueCases(tree: CommandNode, assignment: (value: ValueNode) => string): string {
  const patterns = new Map<string, string[]>();
  for (const { path, options } of everyCommand(tree)) {
    for (const { flags, value } of options) {
      if (value === undefined) continue;
      const key = assignment(value);
      patterns.set(key, [...(patterns.get(key) ?? []), ...flags.map((flag) => `"${path} ${flag}"`)]);
    }
  }
  return [...patterns].map(([key, flags]) => `    ${flags.join("|")}) ${key} ;;`).join("\n");
}
