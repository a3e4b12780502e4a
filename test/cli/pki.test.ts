import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseTargetClosure } from "../../src/dispatch/closure.js";
import { temporaryFolder, writeIn } from "../config/places.js";
import { runCommand, type Surroundings } from "./recording-io.js";

/** Runs `pki …` lines one after the other with a state folder of their own, and tells what the last one did. */
function pkiIn(stateDir: string, surroundings: Surroundings = {}) {
  return async (...lines: readonly string[]) => {
    const env = { NIXFLEET_DISPATCH_STATE_DIR: stateDir, ...surroundings.env };
    const outcomes = [];
    for (const line of lines) {
      outcomes.push(await runCommand(["pki", ...line.split(" ")], { ...surroundings, env }));
    }
    return outcomes[outcomes.length - 1];
  };
}

describe("pki", () => {
  test("makes a CA under the state folder and says what to type next", async () => {
    const stateDir = temporaryFolder();
    const outcome = await pkiIn(stateDir)("init");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome?.stdout).toContain(`certificate  ${stateDir}/pki/ca.crt\n`);
    expect(outcome?.stdout).toMatch(/\nNext:\n {2}nixfleet-dispatch pki server localhost 127\.0\.0\.1 ::1\n$/);
  });

  test.each([
    [
      "server localhost ::1",
      "server-localhost",
      /nixfleet-dispatch serve --tls-cert \S+ --tls-key \S+ --client-ca \S+\n$/,
    ],
    ["agent web-01", "agent-web-01", /nixfleet-dispatch agent --ca \S+ --cert \S+ --key \S+\n$/],
    ["operator alice", "operator-alice", /nixfleet-dispatch enqueue --ca \S+ --cert \S+ --key \S+ --host web-01 /],
  ])("%s makes both files and says what to type next", async (line, name, next) => {
    const stateDir = temporaryFolder();
    const outcome = await pkiIn(stateDir)("init", line);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome?.stdout).toMatch(next);
    expect(existsSync(join(stateDir, "pki", `${name}.crt`))).toBe(true);
    expect(existsSync(join(stateDir, "pki", `${name}.key`))).toBe(true);
  });

  test("the closure of the command that it proposes is one that the server takes", async () => {
    const outcome = await pkiIn(temporaryFolder())("init", "operator alice");
    const closure = /--closure (\S+)/.exec(outcome?.stdout ?? "")?.[1] ?? "";
    expect(parseTargetClosure(closure, "closure")).toBe(closure);
  });

  test("--json prints one object", async () => {
    const stateDir = temporaryFolder();
    const outcome = await pkiIn(stateDir)("init", "agent web-01 --json --days 2");
    const printed: unknown = JSON.parse(outcome?.stdout ?? "");
    const cert = join(stateDir, "pki/agent-web-01.crt");
    expect(printed).toEqual({
      cert,
      key: join(stateDir, "pki/agent-web-01.key"),
      common_name: "agent-web-01.fleet.lab.internal",
      not_after: new Date(new X509Certificate(readFileSync(cert)).validTo).toISOString(),
    });
  });

  test("--dir is another folder, which may be relative", async () => {
    const cwd = temporaryFolder();
    const outcome = await pkiIn(temporaryFolder(), { cwd })("init --dir certs", "operator alice --dir certs");
    expect(outcome?.code).toBe(0);
    expect(existsSync(join(cwd, "certs/operator-alice.crt"))).toBe(true);
  });

  test("a proposed command survives a folder with a space and a quote in its name", async () => {
    const folder = "it's here";
    const cwd = temporaryFolder();
    const { stdout } = await runCommand(["pki", "init", "--dir", folder], { cwd });
    expect(stdout).toContain(join(cwd, folder, "ca.crt"));
    const made = await runCommand(["pki", "agent", "web-01", "--dir", folder], { cwd });
    expect(made.stdout).toContain(`--ca '${cwd}/it'\\''s here/ca.crt' --cert`);
  });

  test("the suffix comes from --suffix, else from the server's settings", async () => {
    const stateDir = temporaryFolder();
    const config = writeIn(stateDir, "c.toml", '[serve]\nagent-cn-suffix = "from.file"\ntls-cert = "not/made/yet"\n');
    const pki = pkiIn(stateDir, { env: { NIXFLEET_DISPATCH_CONFIG: config } });
    expect((await pki("init", "agent a"))?.stdout).toContain("agent-a.from.file,");
    expect((await pki("agent b --suffix from.flag"))?.stdout).toContain("agent-b.from.flag,");
  });
});

describe("pki exits with 2 and the way out", () => {
  test.each([
    [["init", "init"], /ca\.crt exists already\nhint: A CA is never replaced\. Use it, or choose another folder\.\n$/],
    [["agent web-01"], /holds no CA .*\nhint: Make one first: nixfleet-dispatch pki init\n$/],
    [["init", "agent a", "agent a"], /agent-a\.crt exists already\nhint: --force replaces it\.\n$/],
    [["init", "agent Web_1"], /a machine id must be a host name, not "Web_1"\nhint: /],
    [["init", "server ../ca"], /a server's name must be a host name or an IP address, not "\.\.\/ca"\nhint: /],
    [["init", "operator ca/../../x"], /an operator's name must be a host name/],
    [["init --days 1d"], /--days: must be a whole number from 1 to 3650, not "1d"/],
    [["init --days 9999"], /days must be a whole number from 1 to 3650, not 9999/],
  ])("%j", async (lines, complaint) => {
    const outcome = await pkiIn(temporaryFolder())(...lines);
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome?.stderr).toMatch(complaint);
  });

  test("unless --force allows it", async () => {
    expect((await pkiIn(temporaryFolder())("init", "agent a", "agent a --force"))?.code).toBe(0);
  });
});
