import { beforeEach, describe, expect, test } from "vitest";
import { createTestPki } from "../agent/certificates.js";
import { temporaryFolder, writeIn } from "../config/places.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { runCommand } from "./recording-io.js";

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});

const check = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  runCommand(["config", "check", ...args], { cwd: home, env: { HOME: home, ...env } });

async function fleetFiles(): Promise<void> {
  const { server, ca } = await createTestPki();
  writeIn(home, "server.crt", server.cert);
  writeIn(home, "server.key", server.key);
  writeIn(home, "ca.crt", ca);
}

const tls = ["--tls-cert", "server.crt", "--tls-key", "server.key", "--client-ca", "ca.crt"];

describe("config check", () => {
  test("shows every setting with where it comes from: flag, variable, file, default", async () => {
    await fleetFiles();
    const path = writeIn(home, "settings.toml", '[serve]\nsweep = "5s"\noperator-cn = ["operator-*", "planner"]\n');
    const { code, stdout } = await check([...tls, "--config", path], { NIXFLEET_DISPATCH_POLLS_PER_HOST: "7" });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^SETTING +VALUE +FROM\n/);
    expect(stdout).toMatch(/\ntls-cert +\S+\/server\.crt +--tls-cert\n/);
    expect(stdout).toMatch(/\npolls-per-host +7 +NIXFLEET_DISPATCH_POLLS_PER_HOST\n/);
    expect(stdout).toMatch(/\nsweep +5s +\S+settings\.toml \[serve\] sweep\n/);
    expect(stdout).toMatch(/\noperator-cn +operator-\*, planner +\S+settings\.toml \[serve\] operator-cn\n/);
    expect(stdout).toMatch(/\nlisten +127\.0\.0\.1:8443 +default\n/);
    expect(stdout).not.toContain("PRIVATE KEY");
  });

  test("with --json prints the fields of the documentation, each value as it could be written", async () => {
    const { stdout } = await check(["--json", "--retain", "36h", "--db", "none"]);
    const settings = jsonLines(stdout);
    expect(settings.map(Object.keys)).toEqual(settings.map(() => documentedFields("config check")));
    const settingOf = (name: string) => settings.find(({ setting }) => setting === name)?.value;
    expect([settingOf("retain"), settingOf("db"), settingOf("strict"), settingOf("client-ca")]).toEqual([
      "36h",
      "none",
      false,
      null,
    ]);
    expect(settingOf("operator-cn")).toEqual(["operator-*"]);
  });

  test("says what serve would warn of", async () => {
    const { code, stderr } = await check();
    expect([code, stderr]).toEqual([
      0,
      "warning: without --tls-cert this is development mode, with certificates of its own making\nno mistake was found\n",
    ]);
  });

  test.each([
    ["a rule that is broken", ["--polls-per-host", "0"], /^error: --polls-per-host: must be a whole number/],
    ["half a pair", ["--tls-cert", "server.crt"], /^error: --tls-cert needs tls-key too/],
    [
      "the wrong key",
      ["--tls-cert", "server.crt", "--tls-key", "other.key"],
      /other\.key is not the key of .*server\.crt/,
    ],
    [
      "no certificate in the file",
      ["--tls-cert", "ca.key", "--tls-key", "server.key"],
      /ca\.key is not a certificate in PEM/,
    ],
    [
      "revocations that are none",
      [...tls, "--revocations", "bad.json"],
      /^error: --revocations: .*bad\.json: "web-01": must be/m,
    ],
    [
      "development mode for everybody",
      ["--listen", "0.0.0.0:8443"],
      /^error: without --tls-cert this is development mode/m,
    ],
  ])("finds %s, as serve would: exit code 2", async (_, args, message) => {
    await fleetFiles();
    const pki = await createTestPki();
    writeIn(home, "other.key", pki.server.key);
    writeIn(home, "ca.key", pki.server.key);
    writeIn(home, "bad.json", '{"web-01": "soon"}');
    const { code, stderr } = await check(args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).not.toContain("PRIVATE KEY");
  });
});
