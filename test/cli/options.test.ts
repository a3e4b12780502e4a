import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { addServeOptions, serveConfig } from "../../src/cli/options.js";
import type { ServeConfig } from "../../src/config/settings.js";
import { temporaryFolder, writeIn } from "../config/places.js";
import { recordingIo } from "./recording-io.js";

/** What a command with the server's settings resolves its line to, and what it warns of. */
function resolve(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const home = temporaryFolder();
  const { io, printed } = recordingIo({ cwd: home, env: { HOME: home, ...env } });
  let config: ServeConfig | undefined;
  const command = addServeOptions(new Command("serve"));
  command.action(() => {
    config = serveConfig(command, io);
  });
  command.parse(args, { from: "user" });
  return { config, warnings: printed().stderr };
}

describe("the options of a command", () => {
  test("are the settings, by flag, and nothing is set that nobody gave", () => {
    const { config, warnings } = resolve(["--listen", "[::1]:0", "--db", "none", "--polls-per-host", "7"]);
    expect(config).toMatchObject({ listen: { host: "::1", port: 0 }, db: { kind: "none" }, pollsPerHost: 7 });
    expect({ strict: config?.strict, warnings }).toEqual({ strict: false, warnings: "" });
  });

  test("win over a variable", () => {
    const env = { NIXFLEET_DISPATCH_SWEEP: "1s" };
    expect(resolve([], env).config?.sweep).toBe(1000);
    expect(resolve(["--sweep", "2s"], env).config?.sweep).toBe(2000);
  });

  test("add up for a list, and else the last one wins", () => {
    const args = ["--operator-cn", "a", "--sweep", "1s", "--operator-cn", "b", "--sweep", "2s"];
    expect(resolve(args).config).toMatchObject({ operatorCn: ["a", "b"], sweep: 2000 });
  });

  test("switch off with --no- what a variable switches on", () => {
    const env = { NIXFLEET_DISPATCH_STRICT: "true" };
    expect(() => resolve([], env)).toThrow("NIXFLEET_DISPATCH_STRICT needs client-ca too");
    expect(resolve(["--no-strict"], env).config?.strict).toBe(false);
    expect(() => resolve(["--strict"])).toThrow("--strict needs client-ca too");
  });

  test("take a file of settings", () => {
    const home = temporaryFolder();
    const path = writeIn(home, "c.toml", '[serve]\nlog-level = "debug"\n');
    expect(resolve(["--config", path]).config?.logLevel).toBe("debug");
  });

  test("come with a warning about a variable that means nothing", () => {
    expect(resolve([], { NIXFLEET_DISPATCH_SWEEPS: "1s" }).warnings).toBe(
      "warning: unknown variable NIXFLEET_DISPATCH_SWEEPS; did you mean NIXFLEET_DISPATCH_SWEEP?\n",
    );
  });
});
