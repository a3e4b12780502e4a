import { readFileSync } from "node:fs";
import { section, tableRows } from "./markdown.js";

const page = readFileSync("docs/commands.md", "utf8");

/** What docs/commands.md promises that a command prints with `--json`: the names of the fields, in order. */
export function documentedFields(command: string): string[] {
  const row = tableRows(section(page, "## Output for scripts"), "Command").find(([name]) => name === `\`${command}\``);
  if (row === undefined) throw new Error(`docs/commands.md has no row for ${command}`);
  const fields = (row[2] ?? "").replace(/\([^)]*\)/g, "");
  return [...fields.matchAll(/`(\w+)`/g)].map(([, field = ""]) => field);
}

/** Every command that has a row. */
export function documentedCommands(): string[] {
  return tableRows(section(page, "## Output for scripts"), "Command").map(([name = ""]) => name.replaceAll("`", ""));
}

/** The values of JSON lines. */
export function jsonLines(stdout: string) {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
