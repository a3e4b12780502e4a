import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestPki } from "../support/pki.js";
import { runProgram, TestServer } from "../support/server.js";
import { goodFlags, refusalIn, refusedStart, wordsOf } from "../support/start.js";

let pki: TestPki;
let folder: string;
/** Somebody else's port. */
let taken: Server;
let takenAddress: string;

beforeAll(async () => {
  pki = await TestPki.create();
  folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-settings-"));
  taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  takenAddress = `127.0.0.1:${address.port}`;
});
afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true });
  pki.remove();
});

describe("an address that cannot be listened on ends the start", () => {
  test.each(["listen", "admin-listen"])("--%s: a port in use, which stays its owner's", async (flag) => {
    const { code, error } = await refusedStart({ flags: { ...goodFlags(pki), [flag]: takenAddress } });
    expect(code).toBe(1);
    expect(error).toBe(`${takenAddress} is in use by another program. Choose another address with --${flag}.`);
    expect(taken.listening).toBe(true);
  });

  test("both addresses the same", async () => {
    const spare = createServer().listen(0, "127.0.0.1");
    await once(spare, "listening");
    const address = spare.address();
    spare.close();
    await once(spare, "close");
    if (address === null || typeof address === "string") throw new Error("no TCP address");
    const both = `127.0.0.1:${address.port}`;
    const flags = { ...goodFlags(pki), listen: both, "admin-listen": both };
    const { code, error } = await refusedStart({ flags });
    expect([code, error]).toEqual([2, expect.stringContaining("--listen and --admin-listen")]);
  });

  test("the database stays free for whoever comes next", async () => {
    const db = join(folder, "port", "dispatch.db");
    await refusedStart({ flags: { ...goodFlags(pki, db), listen: takenAddress } });
    const server = await TestServer.start(pki, { db });
    expect(await server.stop()).toBe(0);
  });

  test.each(["listen", "admin-listen"])("--%s: an address of another machine", async (flag) => {
    const { code, error } = await refusedStart({ flags: { ...goodFlags(pki), [flag]: "192.0.2.1:0" } });
    expect(code).toBe(1);
    expect(error).toBe(`192.0.2.1:0 is not an address of this machine. Choose another address with --${flag}.`);
  });

  test.each(["listen", "admin-listen"])("--%s: a name that does not resolve", async (flag) => {
    const { code, error, hint } = await refusedStart({
      flags: { ...goodFlags(pki), [flag]: "no-such-host.invalid:0" },
    });
    expect(code).toBe(1);
    expect(error).toBe(`no-such-host.invalid:0 does not resolve to an address. Choose another address with --${flag}.`);
    expect(hint).toBeUndefined();
  });
});

describe("a wrong command line ends the start with 2", () => {
  test.each([
    [["--lisen", "127.0.0.1:0"], "unknown option '--lisen'", "Did you mean --listen?"],
    [["--client-ka", "x"], "unknown option '--client-ka'", "Did you mean --client-ca?"],
    [["--frobnicate"], "unknown option '--frobnicate'", "See: nixfleet-dispatch serve --help"],
    [["--listen"], "option '--listen <HOST:PORT>' argument missing", "See: nixfleet-dispatch serve --help"],
  ])("%j", async (more, error, hint) => {
    expect(await refusedStart({ flags: {}, more })).toEqual({ code: 2, error, hint });
  });

  test("an unknown command", async () => {
    const refusal = refusalIn(await runProgram(["srve"]));
    expect(refusal).toEqual({ code: 2, error: "unknown command 'srve'", hint: "Did you mean serve?" });
  });

  test("a word too many", async () => {
    const { code, error } = await refusedStart({ flags: goodFlags(pki), more: ["now"] });
    expect([code, error]).toEqual([2, expect.stringMatching(/too many arguments/)]);
  });
});

/** What each setting answers to a value that it cannot take. */
const badValues: readonly (readonly [setting: string, value: string, rule: RegExp])[] = [
  ["listen", "8443", /must be HOST:PORT/],
  ["listen", "127.0.0.1:65536", /must be HOST:PORT/],
  ["listen", "[127.0.0.1]:80", /must be HOST:PORT/],
  ["admin-listen", "nowhere", /must be HOST:PORT/],
  ["agent-cn-suffix", "Fleet.Lab", /must be/],
  ["operator-cn", "*", /must/],
  ["operator-cn", "a*b*c", /must/],
  ["db", "", /must be a path, not empty/],
  ["polls-per-host", "0", /must be a whole number from 1 to 1000/],
  ["polls-per-host", "1e3", /must be a whole number from 1 to 1000/],
  ["sweep", "10", /must be/],
  ["sweep", "2h", /must be/],
  ["drain-timeout", "16s", /must be/],
  ["drain-timeout", "-1s", /must be/],
  ["log-level", "loud", /must be one of fatal, error, warn, info, debug, trace/],
  ["log-format", "xml", /must be one of auto, json, pretty/],
  ["tls-cert", "-----BEGIN CERTIFICATE-----", /must be the path of a file, not what is in it/],
];

describe("a value that breaks a rule ends the start with 2 and names where it came from", () => {
  test.each(badValues)("the flag --%s %j", async (setting, value, rule) => {
    const flags = { ...goodFlags(pki) };
    delete flags[setting];
    const { code, error } = await refusedStart({ flags, more: [`--${setting}=${value}`] });
    expect([code, error]).toEqual([2, expect.stringMatching(new RegExp(`^--${setting}: .*${rule.source}`))]);
  });

  test.each(badValues.filter(([, value]) => value !== ""))("the variable of %s, %j", async (setting, value, rule) => {
    const flags = { ...goodFlags(pki) };
    delete flags[setting];
    const name = `NIXFLEET_DISPATCH_${setting.toUpperCase().replaceAll("-", "_")}`;
    const { code, error } = await refusedStart({ flags, env: { [name]: value } });
    expect([code, error]).toEqual([2, expect.stringMatching(new RegExp(`^${name}: .*${rule.source}`))]);
  });

  test.each([
    ["a bad value", '[serve]\nlisten = "8443"', /\[serve\] listen: must be HOST:PORT/, undefined],
    ["a bad type", '[serve]\nstrict = "yes"', /\[serve\] strict: must be true or false, without quotes/, undefined],
    [
      "an unknown key",
      "[serve]\npolls-per-hots = 4",
      /\[serve\]: unknown key polls-per-hots/,
      "Did you mean polls-per-host?",
    ],
    ["an unknown table", "[server]\nstrict = true", /unknown table \[server\]/, "Did you mean [serve]?"],
    ["a key outside a table", "strict = true", /strict must be in a table/, "Put it under [serve]."],
    ["what is not TOML", "[serve\n", /:1:\d+: /, undefined],
  ])("the file: %s", async (_, text, rule, hint) => {
    const file = join(folder, "config.toml");
    writeFileSync(file, text);
    const { listen: _listen, ...flags } = goodFlags(pki);
    const refusal = await refusedStart({ flags: { ...flags, config: file } });
    expect(refusal).toEqual({ code: 2, error: expect.stringMatching(rule), hint });
    expect(refusal.error.startsWith(file)).toBe(true);
  });

  test.each(["nowhere.toml", "."])("--config %s, which is no file", async (name) => {
    const file = join(folder, name);
    const { code, error } = await refusedStart({ flags: { ...goodFlags(pki), config: file } });
    expect([code, error]).toEqual([2, expect.stringContaining(file)]);
  });

  test("a variable that means nothing is only warned about, with what was meant", async () => {
    const env = { NIXFLEET_DISPATCH_LISTN: "127.0.0.1:0" };
    const server = await TestServer.serve([...wordsOf(goodFlags(pki)), "--json"], env);
    const line = await server.logged(({ msg }) => String(msg).startsWith("warning: "));
    expect(line.msg).toContain("NIXFLEET_DISPATCH_LISTN");
    expect(line.msg).toContain("NIXFLEET_DISPATCH_LISTEN");
    await server.stop();
  });
});

describe("settings that do not go together end the start with 2", () => {
  test.each([
    ["tls-cert", "tls-key"],
    ["tls-key", "tls-cert"],
    ["client-ca", "tls-cert"],
  ])("--%s without %s", async (flag, other) => {
    const { [flag]: value = "", listen = "", "admin-listen": admin = "" } = goodFlags(pki);
    const flags = { listen, "admin-listen": admin, db: "none", [flag]: value };
    const { code, error, hint } = await refusedStart({ flags });
    expect([code, error, hint]).toEqual([2, `--${flag} needs ${other} too`, expect.stringContaining(`--${other}`)]);
  });

  test("--strict without a client CA", async () => {
    const { "client-ca": _, ...flags } = goodFlags(pki);
    const { code, error, hint } = await refusedStart({ flags, more: ["--strict"] });
    expect([code, error, hint]).toEqual([2, "--strict needs client-ca too", expect.stringContaining("--client-ca")]);
  });

  test.each([
    [["--strict"], /needs client-ca too/],
    [["--listen", "0.0.0.0:0"], /development mode, which --listen 0\.0\.0\.0 rules out/],
    [["--listen", "[::]:0"], /development mode, which --listen :: rules out/],
  ])("development mode with %j, which makes no certificates then", async (more, rule) => {
    const state = join(folder, "state");
    const flags = { "admin-listen": "none", "state-dir": state };
    const { code, error, hint } = await refusedStart({ flags, more });
    expect([code, error]).toEqual([2, expect.stringMatching(rule)]);
    expect(hint).toMatch(/--client-ca/);
    expect(existsSync(state)).toBe(false);
  });
});

test("--db none keeps nothing on the disk; a signal that comes right after the start is heeded", async () => {
  const empty = join(folder, "none");
  mkdirSync(empty);
  const env = { XDG_STATE_HOME: empty };
  const server = await TestServer.serve([...wordsOf(goodFlags(pki)), "--json"], env);
  expect(await server.stop()).toBe(0);
  expect(readdirSync(empty)).toEqual([]);
});
