import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveServe } from "../../src/config/resolve.js";
import { implicitFiles, readTomlFile } from "../../src/config/toml-file.js";
import { UsageError } from "../../src/config/usage-error.js";
import { sourcesIn, temporaryFolder, writeIn } from "./places.js";

function failure(text: string): { message: string; hint: string | undefined; path: string } {
  const path = writeIn(temporaryFolder(), "c.toml", text);
  try {
    readTomlFile({ flag: path, env: {}, cwd: "/" });
  } catch (thrown) {
    if (thrown instanceof UsageError) return { message: thrown.message.replace(path, "F"), hint: thrown.hint, path };
    throw thrown;
  }
  throw new Error("nothing was wrong");
}

describe("where the file is looked for", () => {
  test("the user's comes before the machine's", () => {
    const user = { XDG_CONFIG_HOME: "/u" };
    expect(implicitFiles(user)).toEqual(["/u/nixfleet-dispatch/config.toml", "/etc/nixfleet-dispatch/config.toml"]);
    expect(implicitFiles({ HOME: "/h" })[0]).toBe("/h/.config/nixfleet-dispatch/config.toml");
  });

  test("the user's is read when it is there", () => {
    const home = temporaryFolder();
    expect(resolveServe(sourcesIn(home)).pollsPerHost).toBe(4);
    writeIn(home, ".config/nixfleet-dispatch/config.toml", "[serve]\npolls-per-host = 9\n");
    expect(resolveServe(sourcesIn(home)).pollsPerHost).toBe(9);
  });

  test("--config wins over the variable, which wins over the user's", () => {
    const home = temporaryFolder();
    writeIn(home, ".config/nixfleet-dispatch/config.toml", "[serve]\npolls-per-host = 9\n");
    const env = { NIXFLEET_DISPATCH_CONFIG: writeIn(home, "variable.toml", "[serve]\npolls-per-host = 8\n") };
    writeIn(home, "flag.toml", "[serve]\npolls-per-host = 7\n");
    expect(resolveServe(sourcesIn(home, { env })).pollsPerHost).toBe(8);
    expect(resolveServe(sourcesIn(home, { env, configFile: "flag.toml" })).pollsPerHost).toBe(7);
  });

  test("a file that is named must exist", () => {
    const place = { cwd: temporaryFolder(), env: { NIXFLEET_DISPATCH_CONFIG: "gone.toml" } };
    expect(() => readTomlFile({ ...place, flag: undefined })).toThrow(/^NIXFLEET_DISPATCH_CONFIG: .*"gone\.toml"$/);
    expect(() => readTomlFile({ ...place, flag: "away.toml" })).toThrow(/^--config: must name a file that exists/);
    expect(() => readTomlFile({ ...place, flag: "" })).toThrow(/^--config: must name a file that exists/);
  });
});

describe("what the file may hold", () => {
  test("a value of each shape", () => {
    const home = temporaryFolder();
    writeIn(home, "etc/server.crt");
    writeIn(home, "etc/tls/server.key");
    writeIn(home, "etc/ca.crt");
    const configFile = writeIn(
      home,
      "etc/c.toml",
      `[serve]
      listen = "[::1]:0"
      tls-cert = "server.crt"
      tls-key = "tls/server.key"
      client-ca = "${home}/etc/ca.crt"
      strict = true
      polls-per-host = 1000
      operator-cn = ["alice", "ops-*"]
      db = "../queue.db"
      [client]
      timeout = "1m"
      `,
    );
    expect(resolveServe(sourcesIn(home, { configFile }))).toMatchObject({
      listen: { host: "::1", port: 0 },
      tlsCert: join(home, "etc/server.crt"),
      tlsKey: join(home, "etc/tls/server.key"),
      clientCa: join(home, "etc/ca.crt"),
      strict: true,
      pollsPerHost: 1000,
      operatorCn: ["alice", "ops-*"],
      db: { kind: "sqlite", path: join(home, "queue.db") },
    });
  });

  test("a list may be one string, in which a comma is a comma", () => {
    const home = temporaryFolder();
    const configFile = writeIn(home, "c.toml", '[serve]\noperator-cn = "Smith, A*"\n');
    expect(resolveServe(sourcesIn(home, { configFile })).operatorCn).toEqual(["Smith, A*"]);
  });

  test("an empty file is fine", () => {
    const path = writeIn(temporaryFolder(), "c.toml");
    expect(readTomlFile({ flag: path, env: {}, cwd: "/" })?.tables.size).toBe(0);
  });
});

describe("what is refused", () => {
  test("a key that no setting has, naming the likely one", () => {
    expect(failure('[serve]\nlisen = "x"\n')).toMatchObject({
      message: "F [serve]: unknown key lisen",
      hint: "Did you mean listen?",
    });
  });

  test("a table that does not exist, naming the likely one", () => {
    expect(failure("[server]\n")).toMatchObject({
      message: "F: unknown table [server]",
      hint: "Did you mean [serve]?",
    });
    expect(failure("[database]\n").hint).toBe("Known: [serve], [client].");
  });

  test("a key outside any table, naming its table", () => {
    expect(failure('listen = "x"\n')).toMatchObject({
      message: "F: listen must be in a table",
      hint: "Put it under [serve].",
    });
    expect(failure('serve = "x"\n').message).toBe("F: serve must be a table, written [serve]");
    expect(failure("serve = [1]\n").message).toBe("F: serve must be a table, written [serve]");
    expect(failure("[[serve]]\n").message).toBe("F: serve must be a table, written [serve]");
    expect(failure("serve = 2026-05-16T01:30:00Z\n").message).toBe("F: serve must be a table, written [serve]");
  });

  test.each([
    ["listen = 8443", "listen: must be a string, in quotes"],
    ['polls-per-host = "4"', "polls-per-host: must be a whole number, without quotes"],
    ["polls-per-host = 4.5", "polls-per-host: must be a whole number, without quotes"],
    ['strict = "yes"', "strict: must be true or false, without quotes"],
    ["operator-cn = [1]", "operator-cn: must be an array of strings, or one string"],
    ["operator-cn = 1", "operator-cn: must be an array of strings, or one string"],
    ["sweep = 2026-05-16T01:30:00Z", "sweep: must be a string, in quotes"],
    ["db = { path = 1 }", "db: must be a string, in quotes"],
  ])("%s", (line, complaint) => {
    expect(failure(`[serve]\n${line}\n`).message).toBe(`F [serve] ${complaint}`);
  });

  test.each(["__proto__", "constructor", "toString"])("the key %s, as any unknown one", (key) => {
    expect(failure(`[serve]\n${key} = 1\n`).message).toBe(`F [serve]: unknown key ${key}`);
  });

  test("what is not TOML, with line and column", () => {
    expect(failure("[serve]\nlisten = \n").message).toMatch(/^F:2:\d+: /);
  });
});
