import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryFolder, writeIn } from "../config/places.js";
import { runCommand } from "./recording-io.js";

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const manifest: unknown = JSON.parse(readFileSync(here("package.json"), "utf8"));

describe("a right command line", () => {
  test("--version prints the version of package.json", async () => {
    const { code, stdout, stderr } = await runCommand(["--version"]);
    expect({ code, stderr, manifest }).toMatchObject({ code: 0, stderr: "", manifest: { version: stdout.trim() } });
  });

  test.each([[["--help"]], [["help"]], [["pki", "agent", "-h"]], [["help", "pki"]], [["pki", "help", "agent"]]])(
    "%j prints help on stdout",
    async (args) => {
      const { code, stdout, stderr } = await runCommand(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Usage: nixfleet-dispatch /);
    },
  );

  test.each([["serve"], ["pki"], ["pki init"], ["pki agent"]])(
    "the help of %s has examples and exit codes",
    async (line) => {
      const { stdout } = await runCommand([...line.split(" "), "--help"]);
      expect(stdout).toMatch(/\nExamples:\n {2}# .+\n {2}nixfleet-dispatch /);
      expect(stdout).toMatch(/\nExit codes:\n {2}0 +done\n/);
    },
  );

  test("the help of serve shows flag, variable, TOML key, unit and default of a setting", async () => {
    const { stdout } = await runCommand(["serve", "--help"]);
    const help = stdout.replace(/\s+/g, " ");
    for (const part of [
      "--drain-timeout <DURATION>",
      "NIXFLEET_DISPATCH_DRAIN_TIMEOUT; TOML serve.drain-timeout",
      "(ms, s, m, h or d; default: 10s)",
      "--strict ",
      "--config <FILE>",
    ]) {
      expect(help).toContain(part);
    }
    expect(help).not.toContain("--no-strict");
  });
});

describe("a wrong command line", () => {
  test.each([
    [["pki", "inti"], "unknown command 'inti'", "Did you mean init?"],
    [["pik"], "unknown command 'pik'", "Did you mean pki?"],
    [["serve", "--lisen", ":1"], "unknown option '--lisen'", "Did you mean --listen?"],
    [["pki", "agent"], "missing required argument 'ID'", "For example: nixfleet-dispatch pki agent web-01"],
    [["pki", "init", "--days"], "option '--days <N>' argument missing", "See: nixfleet-dispatch pki init --help"],
    [["--frobnicate"], "unknown option '--frobnicate'", "See: nixfleet-dispatch --help"],
  ])("%j exits with 2 and says what to type instead", async (args, error, hint) => {
    expect(await runCommand(args)).toEqual({ code: 2, stdout: "", stderr: `error: ${error}\nhint: ${hint}\n` });
  });

  test.each([[[]], [["pki"]]])("%j, which lacks a command, prints the help on stderr", async (args) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: [\s\S]*\nerror: a command is missing\n/);
  });

  test("a wrong setting tells where it came from", async () => {
    const cwd = temporaryFolder();
    writeIn(cwd, "c.toml", '[serve]\nlisen = "x"\n');
    expect((await runCommand(["pki", "init", "--config", "c.toml"], { cwd })).stderr).toBe(
      `error: ${cwd}/c.toml [serve]: unknown key lisen\nhint: Did you mean listen?\n`,
    );
    const env = { NIXFLEET_DISPATCH_STATE_DIR: "a\0b" };
    expect((await runCommand(["pki", "init"], { cwd, env })).stderr).toMatch(
      /^error: NIXFLEET_DISPATCH_STATE_DIR: must/,
    );
  });

  test("the stack comes with NIXFLEET_DISPATCH_DEBUG=1 only", async () => {
    const args = ["pki", "agent", "Web"];
    const env = { NIXFLEET_DISPATCH_STATE_DIR: temporaryFolder() };
    expect((await runCommand(args, { env })).stderr).not.toMatch(/\n\s+at /);
    expect((await runCommand(args, { env: { ...env, NIXFLEET_DISPATCH_DEBUG: "1" } })).stderr).toMatch(/\n\s+at /);
  });

  test("colours come with FORCE_COLOR only, where nobody looks", async () => {
    const escapeSequence = "\u001b[";
    expect((await runCommand(["pik"])).stderr).not.toContain(escapeSequence);
    expect((await runCommand(["pik"], { env: { FORCE_COLOR: "1" } })).stderr).toContain(escapeSequence);
    expect((await runCommand(["pik"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).stderr).not.toContain(
      escapeSequence,
    );
  });
});

describe("the program itself", () => {
  const node = [process.execPath, "--import", "tsx", here("src/main.ts")] as const;

  test("sets the exit code", () => {
    const [command, ...args] = node;
    const { status, stderr } = spawnSync(command, [...args, "pik"], { encoding: "utf8", cwd: here("") });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "error: unknown command 'pik'\nhint: Did you mean pki?\n",
    });
  });

  test("ends quietly when nobody reads what it prints", async () => {
    const [command, ...args] = node;
    const child = spawn(command, [...args, "serve", "--help"], { cwd: here(""), stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy(); // What `| head` does, but surely before the first byte.
    let complaints = "";
    child.stderr.on("data", (chunk) => {
      complaints += String(chunk);
    });
    const [status] = await once(child, "close");
    expect({ status, complaints }).toEqual({ status: 0, complaints: "" });
  });
});
