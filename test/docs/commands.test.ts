import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { commandTree, everyCommand } from "../../src/cli/completion/tree.js";
import { checkNames } from "../../src/cli/doctor/finding.js";
import { commands } from "../../src/cli/program.js";
import { recordingIo } from "../cli/recording-io.js";
import { documentedCommands, documentedFields } from "./json-fields.js";
import { section, tableRows } from "./markdown.js";
import { codeSpans } from "./sources.js";

const page = readFileSync("docs/commands.md", "utf8");
const nodes = commands(recordingIo().io).flatMap((command) => everyCommand(commandTree(command, "")));

/** Commands whose JSON is no answer to a question of an operator's; their help says what it is. */
const elsewhere = ["serve", "agent", "dashboard", "pki init", "pki server", "pki agent", "pki operator"];

describe("docs/commands.md", () => {
  test("has a row of fields for each command with --json, in the program's own words", () => {
    const printing = nodes
      .filter(({ options }) => options.some(({ flags }) => flags.includes("--json")))
      .map(({ path }) => path.trim());
    expect(documentedCommands().toSorted()).toEqual(printing.filter((name) => !elsewhere.includes(name)).sort());
  });

  test.each(documentedCommands())("the help of %s names the same fields", (name) => {
    const command = find(commands(recordingIo().io), name.split(" "));
    const json = command?.options.find(({ long }) => long === "--json")?.description ?? "";
    for (const field of documentedFields(name)) expect(json).toMatch(new RegExp(`\\b${field}\\b`));
  });

  test("has a row for each check of doctor, in order", () => {
    const rows = tableRows(section(page, "## doctor"), "Check").flatMap(([name = ""]) => codeSpans(name));
    expect(rows).toEqual(checkNames);
  });

  test("every command that it says to type is one", () => {
    const typed = codeSpans(page).flatMap((code) => /^nixfleet-dispatch ((?:[a-z]+ ?)+)/.exec(code)?.[1] ?? []);
    const paths = nodes.map(({ path }) => path.trim());
    const unknown = typed.filter((text) => !paths.some((path) => `${text} `.startsWith(`${path} `)));
    expect(unknown).toEqual([]);
  });
});

function find(among: readonly Command[], [name, ...rest]: readonly string[]): Command | undefined {
  const command = among.find((candidate) => candidate.name() === name);
  return rest.length === 0 ? command : find(command?.commands ?? [], rest);
}
