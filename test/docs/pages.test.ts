import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { exitTable } from "../../src/cli/exit.js";
import { commands } from "../../src/cli/program.js";
import { unknownVariables } from "../../src/config/variables.js";
import { recordingIo } from "../cli/recording-io.js";
import { anchorsIn, linksIn, section, tableRows } from "./markdown.js";
import { codeSpans, pages } from "./sources.js";

const manifest: { scripts: Record<string, string> } = JSON.parse(readFileSync("package.json", "utf8"));

const { io } = recordingIo();
const flags = new Set(["--help", "--version", ...commands(io).flatMap(flagsOf)]);

function flagsOf(command: Command): string[] {
  return [...command.options.map(({ long }) => long ?? ""), ...command.commands.flatMap(flagsOf)];
}

/** Why a link leads nowhere; `undefined` if it leads somewhere, or to another site. */
function brokenBecause(page: { path: string; text: string }, link: string): string | undefined {
  if (/^https?:/.test(link)) return undefined;
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page.path : join(dirname(page.path), file);
  if (!existsSync(target)) return `${page.path}: there is no ${target}`;
  if (anchor === undefined || anchorsIn(readFileSync(target, "utf8")).includes(anchor)) return undefined;
  return `${page.path}: ${target} has no heading for #${anchor}`;
}

describe.each(pages)("$path", (page) => {
  test("every link leads somewhere", () => {
    const broken = linksIn(page.text).map((link) => brokenBecause(page, link));
    expect(broken.filter((reason) => reason !== undefined)).toEqual([]);
  });

  test("every variable that it names is one", () => {
    const named = page.text.match(/NIXFLEET_DISPATCH_[A-Z_]*[A-Z]/g) ?? [];
    expect(unknownVariables(Object.fromEntries(named.map((name) => [name, "1"])))).toEqual([]);
  });

  test("every flag that it names is one of the program's", () => {
    const named = codeSpans(page.text).flatMap((code) => /^(?:nixfleet-dispatch.* )?(--[a-z-]+)/.exec(code)?.[1] ?? []);
    expect(named.filter((flag) => !flags.has(flag))).toEqual([]);
  });

  test("every npm script that it names is one", () => {
    const named = [...page.text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  test("every path of the project that it names exists", () => {
    const named = codeSpans(page.text).filter((code) =>
      /^(src|test|proto|gen|scripts|docs|examples)\/[\w./-]*$/.test(code),
    );
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });
});

test("the README's exit codes are the program's", () => {
  const readme = readFileSync("README.md", "utf8");
  const rows = Object.values(exitTable).map(({ code, meaning }) => [String(code), meaning]);
  expect(tableRows(section(readme, "## Exit codes"), "Code")).toEqual(rows);
});

test("docs/architecture.md has a row for each part of src/", () => {
  const rows = tableRows(readFileSync("docs/architecture.md", "utf8"), "Folder").flatMap(([folder = ""]) =>
    codeSpans(folder),
  );
  const parts = readdirSync("src", { withFileTypes: true }).map(
    (entry) => `src/${entry.name}${entry.isDirectory() ? "/" : ""}`,
  );
  expect(parts.filter((part) => !rows.includes(part))).toEqual([]);
});

test("docs/decisions/README.md lists every decision", () => {
  const listed = linksIn(readFileSync("docs/decisions/README.md", "utf8"));
  expect(listed.toSorted()).toEqual(
    readdirSync("docs/decisions")
      .filter((name) => name !== "README.md")
      .sort(),
  );
});
