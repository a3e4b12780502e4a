import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandTree, everyCommand } from "../../src/cli/completion/tree.js";
import { commands } from "../../src/cli/program.js";
import { recordingIo, runCommand } from "./recording-io.js";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "completion "));
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const { code, stdout, stderr } = await runCommand(["completion", shell]);
    expect([code, stderr]).toEqual([0, ""]);
    writeFileSync(join(folder, shell === "zsh" ? "_nixfleet-dispatch" : shell), stdout);
  }
  mkdirSync(join(folder, "files", "sub"), { recursive: true });
  writeFileSync(join(folder, "files", "fleet.jsonl"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { PATH: process.env.PATH ?? "", HOME: tmpdir(), TERM: "dumb" };
const run = (file: string, args: readonly string[]) =>
  execFileSync(file, args, { cwd: join(folder, "files"), env, encoding: "utf8", timeout: 30_000 });

/** What each shell offers for a line whose last word is being typed. */
const shells = {
  bash(line: string) {
    const words = line.split(" ");
    const script = [
      `source '${join(folder, "bash")}'`,
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length - 1}`,
      "_nixfleet_dispatch",
      `printf '%s\\n' "\${COMPREPLY[@]}"`,
    ].join("\n");
    return offered(run("bash", ["--norc", "-c", script]));
  },
  fish(line: string) {
    const script = `source '${join(folder, "fish")}'; complete -C '${line}'`;
    return offered(run("fish", ["--no-config", "-c", script])).map((word) => word.replace(/\t.*/, ""));
  },
  /** The script's own part in the shell that it is for; what it hands to zsh's functions for showing it is caught. */
  zsh(line: string) {
    const words = line.split(" ");
    const script = [
      "compdef() { }; compset() { }; _message() { }; _files() { print -rl -- *(N) }",
      `_describe() { [[ $1 == -o ]] && shift; local -a all=("\${(@P)2}"); print -rl -- "\${(@)all%%:*}" }`,
      `source '${join(folder, "_nixfleet-dispatch")}'`,
      `words=(${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length}`,
      "_nixfleet-dispatch",
    ].join("\n");
    return offered(run("zsh", ["-f", "-c", script])).filter((word) => word.startsWith(words.at(-1) ?? ""));
  },
} as const;

function offered(text: string): string[] {
  return text.split("\n").filter((word) => word !== "");
}

const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;
for (const shell of Object.keys(shells)) {
  if (!has(shell)) console.warn(`${shell} is not on this machine: its completion is not tried here`);
}

describe.each(Object.entries(shells))("completion in %s", (name, complete) => {
  const trying = test.skipIf(!has(name));

  trying("offers the commands, those of a command, and what begins as typed", () => {
    const all = complete("nixfleet-dispatch ");
    for (const command of ["serve", "list", "cancel", "doctor", "db", "completion"]) expect(all).toContain(command);
    expect(complete("nixfleet-dispatch db ")).toEqual(expect.arrayContaining(["check", "backup", "migrate"]));
    expect(complete("nixfleet-dispatch db ")).not.toContain("list");
    expect(complete("nixfleet-dispatch rev")).toEqual(expect.arrayContaining(["revoke", "revocations"]));
    expect(complete("nixfleet-dispatch rev")).not.toContain("restore");
  });

  trying("offers the options of the command, and not those of another", () => {
    const options = complete("nixfleet-dispatch cancel --");
    expect(options).toEqual(expect.arrayContaining(["--rollout", "--dry-run", "--yes", "--json"]));
    expect(options).not.toContain("--enqueued-after");
    expect(complete("nixfleet-dispatch db check --")).toContain("--db");
  });

  trying("offers the words that an option takes, also behind other options", () => {
    const states = complete("nixfleet-dispatch list --host web-01 --state ");
    expect(states).toEqual(expect.arrayContaining(["pending", "leased", "rejected", "dead"]));
    expect(states).not.toContain("--json");
    expect(complete("nixfleet-dispatch completion ")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  });

  trying("offers files where a file is wanted", () => {
    expect(complete("nixfleet-dispatch enqueue --file fl").join(" ")).toContain("fleet.jsonl");
  });
});

test.skipIf(!has("zsh"))("zsh takes the script from $fpath, or sourced", () => {
  const registered = (load: string) =>
    run("zsh", ["-f", "-c", `autoload -Uz compinit; ${load}; print -r -- $_comps[nixfleet-dispatch]`]);
  expect(registered(`fpath=('${folder}' $fpath); compinit -u -D`)).toBe("_nixfleet-dispatch\n");
  expect(registered(`compinit -u -D; source '${join(folder, "_nixfleet-dispatch")}'`)).toBe("_nixfleet-dispatch\n");
  // The control.
  expect(registered("compinit -u -D")).toBe("\n");
});

test("every command and every option that help shows is in each script", async () => {
  const { io } = recordingIo();
  const nodes = commands(io).flatMap((command) => everyCommand(commandTree(command, "")));
  expect(nodes.length).toBeGreaterThan(20);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await runCommand(["completion", shell]);
    for (const { path, options } of nodes) {
      expect(stdout).toContain(path);
      for (const { flags } of options) {
        const [flag = ""] = flags;
        expect(stdout).toContain(shell === "fish" ? `-l ${flag.slice(2)}` : flag);
      }
    }
  }
});

test("another shell is a mistake: exit code 2, and the three are named", async () => {
  const { code, stderr } = await runCommand(["completion", "tcsh"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("bash, zsh, fish")]);
});
