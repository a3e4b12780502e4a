import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveClient, resolvePki, resolveServe } from "../../src/config/resolve.js";
import { UsageError } from "../../src/config/usage-error.js";
import { unknownVariables } from "../../src/config/variables.js";
import { sourcesIn, temporaryFolder, writeIn } from "./places.js";

describe("precedence", () => {
  const home = () => {
    const folder = temporaryFolder();
    return { folder, configFile: writeIn(folder, "c.toml", '[serve]\nlisten = "127.0.0.3:3"\n') };
  };
  const flags = { listen: ["127.0.0.1:1"] };
  const env = { NIXFLEET_DISPATCH_LISTEN: "127.0.0.2:2" };

  test("a flag wins over everything", () => {
    const { folder, configFile } = home();
    expect(resolveServe(sourcesIn(folder, { flags, env, configFile })).listen.port).toBe(1);
  });

  test("a variable wins over the file", () => {
    const { folder, configFile } = home();
    expect(resolveServe(sourcesIn(folder, { env, configFile })).listen.port).toBe(2);
  });

  test("the file wins over the default", () => {
    const { folder, configFile } = home();
    expect(resolveServe(sourcesIn(folder, { configFile })).listen.port).toBe(3);
  });

  test("without any, there is the default", () => {
    expect(resolveServe(sourcesIn(home().folder)).listen).toEqual({ host: "127.0.0.1", port: 8443 });
  });

  test("an empty variable counts as not set", () => {
    const { folder, configFile } = home();
    const empty = { NIXFLEET_DISPATCH_LISTEN: "" };
    expect(resolveServe(sourcesIn(folder, { env: empty, configFile })).listen.port).toBe(3);
  });
});

describe("defaults", () => {
  test("of the server", () => {
    const home = temporaryFolder();
    const stateDir = join(home, ".local/state/nixfleet-dispatch");
    expect(resolveServe(sourcesIn(home))).toEqual({
      listen: { host: "127.0.0.1", port: 8443 },
      adminListen: { host: "127.0.0.1", port: 9464 },
      tlsCert: undefined,
      tlsKey: undefined,
      clientCa: undefined,
      operatorCa: undefined,
      strict: false,
      agentCnSuffix: "fleet.lab.internal",
      operatorCn: ["operator-*"],
      revocations: undefined,
      db: { kind: "sqlite", path: join(stateDir, "dispatch.db") },
      delivery: "once",
      confirmWithin: 30_000,
      retain: 30 * 24 * 3_600_000,
      pollsPerHost: 4,
      sweep: 60_000,
      dbUrlFile: undefined,
      dbPoolSize: 10,
      dbConnectTimeout: 2_000,
      dbStatementTimeout: 10_000,
      dbLockTimeout: 5_000,
      dbIdleInTransactionTimeout: 10_000,
      serverName: hostname(),
      drainTimeout: 10_000,
      logLevel: "info",
      logFormat: "auto",
      stateDir,
    });
  });

  test("of a client", () => {
    const home = temporaryFolder();
    expect(resolveClient(sourcesIn(home, { env: { XDG_STATE_HOME: "/var/state" } }))).toEqual({
      server: "https://localhost:8443",
      ca: undefined,
      cert: undefined,
      key: undefined,
      timeout: 30_000,
      stateDir: "/var/state/nixfleet-dispatch",
    });
  });

  test("the database follows the state folder", () => {
    const { db } = resolveServe(sourcesIn(temporaryFolder(), { flags: { stateDir: ["/srv/x"] } }));
    expect(db).toEqual({ kind: "sqlite", path: "/srv/x/dispatch.db" });
  });

  test("a configuration cannot be changed", () => {
    const config = resolveServe(sourcesIn(temporaryFolder()));
    expect([config, config.listen, config.operatorCn, config.db].every(Object.isFrozen)).toBe(true);
  });
});

describe("values", () => {
  test("none switches the queue and the admin port off", () => {
    const flags = { db: ["none"], adminListen: ["none"] };
    expect(resolveServe(sourcesIn(temporaryFolder(), { flags }))).toMatchObject({
      db: { kind: "none" },
      adminListen: "none",
    });
  });

  test("a relative path starts at the working folder", () => {
    const home = temporaryFolder();
    const { db } = resolveServe(sourcesIn(home, { env: { NIXFLEET_DISPATCH_DB: "queue/d.db" } }));
    expect(db).toEqual({ kind: "sqlite", path: join(home, "queue/d.db") });
  });

  test("operator patterns come from repeated flags, or from a variable with commas", () => {
    const home = temporaryFolder();
    const flags = { operatorCn: ["alice", "ops-*"] };
    expect(resolveServe(sourcesIn(home, { flags })).operatorCn).toEqual(["alice", "ops-*"]);
    const env = { NIXFLEET_DISPATCH_OPERATOR_CN: "alice, ops-*" };
    expect(resolveServe(sourcesIn(home, { env })).operatorCn).toEqual(["alice", "ops-*"]);
  });
});

describe("an error", () => {
  const failure = (given: Parameters<typeof sourcesIn>[1], resolve: typeof resolveServe | typeof resolveClient) => {
    try {
      resolve(sourcesIn(temporaryFolder(), given));
    } catch (thrown) {
      if (thrown instanceof UsageError) return thrown;
      throw thrown;
    }
    throw new Error("nothing was wrong");
  };

  test("names the flag, the rule and the value", () => {
    expect(failure({ flags: { pollsPerHost: ["1001"] } }, resolveServe).message).toBe(
      '--polls-per-host: must be a whole number from 1 to 1000, not "1001"',
    );
  });

  test("names the variable", () => {
    const env = { NIXFLEET_DISPATCH_SWEEP: "60" };
    expect(failure({ env }, resolveServe).message).toMatch(
      /^NIXFLEET_DISPATCH_SWEEP: must be .* with a unit .*, not "60"$/,
    );
  });

  test("names the file, the table and the key", () => {
    const configFile = writeIn(temporaryFolder(), "c.toml", '[serve]\ndrain-timeout = "16s"\n');
    expect(failure({ configFile }, resolveServe).message).toBe(
      `${configFile} [serve] drain-timeout: must be from 0s to 15s, not "16s"`,
    );
  });

  test("names a certificate file that is not there", () => {
    expect(failure({ flags: { ca: ["/nowhere/ca.crt"] } }, resolveClient).message).toBe(
      '--ca: must name a file that exists, not "/nowhere/ca.crt"',
    );
    expect(failure({ flags: { ca: ["/"] } }, resolveClient).message).toContain("not a folder");
    expect(failure({ flags: { ca: [""] } }, resolveClient).message).toContain("not empty");
  });

  test.each(["-----BEGIN PRIVATE KEY----- MIGHAgEA", "first\nMIGHAgEA"])(
    "does not repeat a key that stands where its path should: %j",
    (contents) => {
      const { message } = failure({ env: { NIXFLEET_DISPATCH_KEY: contents } }, resolveClient);
      expect(message).toBe("NIXFLEET_DISPATCH_KEY: must be the path of a file, not what is in it");
    },
  );

  test.each([
    ["tlsCert", "tls-key"],
    ["tlsKey", "tls-cert"],
    ["clientCa", "tls-cert"],
    ["operatorCa", "tls-cert"],
  ])("tells that %s needs %s", (property, other) => {
    const path = writeIn(temporaryFolder(), "x.pem");
    const error = failure({ flags: { [property]: [path] } }, resolveServe);
    expect(error.message).toMatch(new RegExp(`^--[a-z-]+ needs ${other} too$`));
    expect(error.hint).toContain(`--${other}`);
  });

  test("tells that a client's certificate and key come together", () => {
    const path = writeIn(temporaryFolder(), "x.pem");
    const env = { NIXFLEET_DISPATCH_KEY: path };
    expect(failure({ env }, resolveClient).message).toBe("NIXFLEET_DISPATCH_KEY needs cert too");
  });

  test("tells that strict needs a client CA", () => {
    expect(failure({ flags: { strict: ["true"] } }, resolveServe).message).toBe("--strict needs client-ca too");
  });
});

test("making certificates does not need the files that the server's settings name", () => {
  const configFile = writeIn(
    temporaryFolder(),
    "c.toml",
    '[serve]\nagent-cn-suffix = "a.b"\ntls-cert = "yet/to/come.crt"\n',
  );
  expect(resolvePki(sourcesIn(temporaryFolder(), { configFile })).agentCnSuffix).toBe("a.b");
});

test("a variable that means nothing is warned about, and the likely one is named", () => {
  const env = { NIXFLEET_DISPATCH_LISTEN: "x", NIXFLEET_DISPATCH_DEBUG: "1", NIXFLEET_DISPATCH_CONFIG: "y", HOME: "/" };
  expect(unknownVariables(env)).toEqual([]);
  expect(unknownVariables({ ...env, NIXFLEET_DISPATCH_TLSCERT: "x", NIXFLEET_DISPATCH_QQQQQQ: "x" })).toEqual([
    "unknown variable NIXFLEET_DISPATCH_TLSCERT; did you mean NIXFLEET_DISPATCH_TLS_CERT?",
    "unknown variable NIXFLEET_DISPATCH_QQQQQQ",
  ]);
});
