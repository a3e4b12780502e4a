import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Issued, issue } from "../../../src/pki/issue.js";
import { operatorProfile, serverProfile } from "../../../src/pki/profile.js";
import { documentedFields } from "../../docs/json-fields.js";
import { TcpProxy } from "../faults/proxy.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { historyOf, untilState } from "../support/history.js";
import { untilParked } from "../support/parked.js";
import { otherCa, TestPki } from "../support/pki.js";
import { runProgram, spawnProgram, TestServer } from "../support/server.js";
import { startIdleCutter } from "./idle-cutter.js";

let pki: TestPki;
let server: TestServer;
let operator: HttpClient;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
  operator = new HttpClient(server, pki, pki.operator);
  pki.write("agent", await pki.agent("doctor"));
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly advice: string | null;
}

interface Visit {
  readonly port?: number;
  readonly host?: string;
  readonly identity?: string;
  readonly ca?: string;
  /** The name of an agent's certificate. */
  readonly agent?: string;
  readonly pollFor?: string;
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function wordsOf({
  port = server.port,
  host = "localhost",
  identity = "operator",
  ca = "ca",
  ...visit
}: Visit): string[] {
  const { agent, pollFor = "0s", more = [] } = visit;
  return [
    ...["doctor", "--server", `https://${host}:${port}`, "--ca", pki.path(`${ca}.crt`), "--poll-for", pollFor],
    ...["--cert", pki.path(`${identity}.crt`), "--key", pki.path(`${identity}.key`)],
    ...(agent === undefined ? [] : ["--agent-cert", pki.path(`${agent}.crt`), "--agent-key", pki.path(`${agent}.key`)]),
    ...more,
  ];
}

/** What the doctor finds, by the names of its checks. */
async function examine(visit: Visit = {}) {
  const { code, stdout, stderr } = await runProgram([...wordsOf(visit), "--json"], {
    ...(visit.env && { env: visit.env }),
  });
  const findings: Finding[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const found = (check: string) => findings.find((finding) => finding.check === check);
  return { code, stderr, findings, found, status: (check: string) => found(check)?.status };
}

async function writeIdentity(name: string, identity: Issued | Promise<Issued>): Promise<void> {
  pki.write(name, await identity);
}

describe("where nothing is wrong", () => {
  test("each check has its line, in order, and the exit code is 0", async () => {
    const lasting = { now: new Date(), days: 100 };
    await writeIdentity("lasting", issue(operatorProfile("lasting", lasting), pki.ca));
    const { code, stderr, findings } = await examine({ identity: "lasting", agent: "agent", pollFor: "2s" });
    expect(findings.map(({ check, status }) => `${status} ${check}`)).toEqual([
      "ok configuration",
      "skip server-settings",
      "ok client-certificate",
      // The tests' own live for two days.
      "warn trusted-ca",
      "ok connection",
      "warn server-certificate",
      "ok access",
      "ok clock",
      "ok version",
      "ok readiness",
      "skip database",
      "ok idle-connection",
      "ok test-poll",
    ]);
    expect(findings.map(Object.keys)).toEqual(findings.map(() => documentedFields("doctor")));
    expect(code).toBe(0);
    expect(stderr).toBe("9 ok, 2 to look at, 0 failed, 2 skipped\n");
    const text = Object.fromEntries(findings.map(({ check, detail }) => [check, detail]));
    expect(text["client-certificate"]).toMatch(
      /^your certificate \(operator-lasting\) is valid until .* \(in 100 d\)$/,
    );
    expect(text["trusted-ca"]).toMatch(/^the CA test fleet CA of .*ca\.crt is valid until .* \(in 2 d\)$/);
    expect(text.connection).toMatch(/^TLSv1\.3 and h2 with (127\.0\.0\.1|::1) in \d+ ms$/);
    expect(text["server-certificate"]).toMatch(
      /^the server's certificate \(for localhost, 127\.0\.0\.1\) is valid until /,
    );
    expect(text.readiness).toBe("drain: ok, store: ok");
    expect(text["test-poll"]).toMatch(/^a poll of doctor was held for [12]\.\d s and answered$/);
  });

  test("people get a table, with what to do under what is to be looked at", async () => {
    const { stdout, code } = await runProgram(wordsOf({}));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {4}configuration {7}the server is https:\/\/localhost:\d+, a call may take 30 s\n/);
    expect(stdout).toMatch(/\nwarn {2}trusted-ca {10}the CA .*\n {26}→ Renew it\.\n/);
    expect(stdout).toMatch(/\nskip {2}test-poll {11}left out by --poll-for 0s\n$/);
  });
});

describe("the settings and files of a machine", () => {
  test("a server's settings and its queue are looked through where they are", async () => {
    const env = {
      NIXFLEET_DISPATCH_TLS_CERT: pki.path("server.crt"),
      NIXFLEET_DISPATCH_TLS_KEY: pki.path("server.key"),
      NIXFLEET_DISPATCH_CLIENT_CA: pki.path("ca.crt"),
      NIXFLEET_DISPATCH_DB: pki.path("local/dispatch.db"),
    };
    const local = await TestServer.start(pki, { db: env.NIXFLEET_DISPATCH_DB });
    const good = await examine({ env });
    expect(good.found("server-settings")?.detail).toMatch(/^4 of the server's settings are given/);
    expect(good.found("database")).toMatchObject({
      status: "ok",
      detail: `${env.NIXFLEET_DISPATCH_DB} is whole and up to date, open in process ${local.pid}`,
    });
    await local.stop();
    mkdirSync(pki.path("spoilt"));
    writeFileSync(pki.path("spoilt/dispatch.db"), "no database at all, ".repeat(20));
    const bad = await examine({
      env: {
        ...env,
        NIXFLEET_DISPATCH_TLS_KEY: pki.path("operator.key"),
        NIXFLEET_DISPATCH_DB: pki.path("spoilt/dispatch.db"),
      },
    });
    expect(bad.found("server-settings")).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("is not the key of"),
    });
    expect(bad.code).toBe(1);
    const damaged = await examine({ env: { ...env, NIXFLEET_DISPATCH_DB: pki.path("spoilt/dispatch.db") } });
    expect(damaged.found("database")).toMatchObject({ status: "fail", detail: expect.stringContaining("is damaged") });
    expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringContaining("error: 1 check failed\n")]);
  });

  test("a variable that means nothing is pointed out", async () => {
    const { found } = await examine({ env: { NIXFLEET_DISPATCH_SEVER: "https://localhost" } });
    expect(found("configuration")).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("did you mean NIXFLEET_DISPATCH_SERVER"),
    });
  });

  test("without a certificate nothing is called, and it says why", async () => {
    const { code, stdout } = await runProgram([
      "doctor",
      "--json",
      "--poll-for",
      "0s",
      "--state-dir",
      pki.path("nothing"),
    ]);
    const findings: Finding[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(code).toBe(1);
    expect(findings.find(({ status }) => status === "fail")).toMatchObject({
      check: "client-certificate",
      detail: expect.stringContaining("--cert is missing"),
    });
    expect(findings.filter(({ detail }) => detail === "the server was not reached")).toHaveLength(8);
  });

  test.each([
    [["--poll-for", "61s"], /^error: --poll-for: must be from 0s to 60s, not "61s"\n/],
    [["--poll-for", "60"], /^error: --poll-for: must be a whole number with a unit/],
    [["--agent-cert", "agent.crt"], /^error: --agent-cert and --agent-key go together\n/],
  ])("%j is a mistake: exit code 2", async (more, message) => {
    const { code, stderr, stdout } = await runProgram(["doctor", ...more]);
    expect([code, stderr, stdout]).toEqual([2, expect.stringMatching(message), ""]);
  });
});

describe("certificates and connections that do not hold", () => {
  test.each([
    [
      "that has expired",
      { notAfter: new Date(Date.now() - 60_000), notBefore: new Date(Date.now() - 120_000) },
      /has expired/,
    ],
    ["that is not valid yet", { notBefore: new Date(Date.now() + 3_600_000) }, /is not valid before/],
    ["that is for servers", { purposes: ["serverAuth" as const] }, /is not for client authentication/],
  ])("your own certificate %s: found here, and refused there", async (_, changes, message) => {
    const subject = [{ type: "CN" as const, value: "operator-odd" }];
    await writeIdentity("odd", pki.client({ subject, ...changes }));
    const { code, found, status } = await examine({ identity: "odd" });
    expect(found("client-certificate")).toMatchObject({ status: "fail", detail: expect.stringMatching(message) });
    expect([code, status("access")]).toEqual([1, "fail"]);
  });

  test("an agent's certificate is not let in as an operator's", async () => {
    const { code, found, status } = await examine({ identity: "agent" });
    expect(found("access")).toMatchObject({ status: "fail", detail: expect.stringContaining("for operators") });
    expect([code, status("clock"), status("readiness")]).toEqual([1, "skip", "ok"]);
  });

  test("a server whose CA is another: its certificate is shown, and nothing is sent to it", async () => {
    await writeIdentity("other", otherCa());
    const { code, found, status } = await examine({ ca: "other" });
    expect(found("server-certificate")).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/^the server's certificate \(for localhost, 127\.0\.0\.1\) does not verify: /),
      advice: expect.stringContaining("--ca"),
    });
    expect([code, status("connection"), status("access")]).toEqual([1, "ok", "skip"]);
  });

  test("a server of another name, or with a certificate that has expired", async () => {
    const validity = { now: new Date(), days: 2 };
    await writeIdentity("server", issue(serverProfile(["elsewhere"], validity), pki.ca));
    const misnamed = await TestServer.start(pki);
    const { found } = await examine({ port: misnamed.port });
    expect(found("server-certificate")).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("is not for localhost"),
    });
    await misnamed.stop();
    const past = { notBefore: new Date(Date.now() - 120_000), notAfter: new Date(Date.now() - 60_000) };
    await writeIdentity("server", issue({ ...serverProfile(["localhost"], validity), ...past }, pki.ca));
    const expired = await TestServer.start(pki);
    const late = await examine({ port: expired.port });
    expect(late.found("server-certificate")).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("has expired"),
    });
    await expired.stop();
    pki.write("server", pki.server);
  });

  test("nobody listens", async () => {
    const gone = await TestServer.start(pki);
    await gone.stop();
    const { code, found } = await examine({ port: gone.port });
    expect([code, found("connection")]).toEqual([
      1,
      {
        check: "connection",
        status: "fail",
        detail: expect.stringContaining("ECONNREFUSED"),
        advice: expect.any(String),
      },
    ]);
  });

  test("a server without a queue", async () => {
    const empty = await TestServer.start(pki, { db: "none" });
    const { code, found } = await examine({ port: empty.port });
    expect([code, found("access")]).toMatchObject([0, { status: "warn", advice: expect.stringContaining("--db") }]);
    await empty.stop();
  });
});

describe("what is between", () => {
  test("a proxy that cuts silent connections is found, with and without an agent's certificate", async () => {
    const proxy = await startIdleCutter(server, 1_000);
    const { code, found } = await examine({ port: proxy.port, agent: "agent", pollFor: "4s" });
    expect(found("idle-connection")).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/^a silent connection was closed after [12]\.\d s$/),
      advice: expect.stringContaining("proxy"),
    });
    expect(found("test-poll")).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/^the poll of doctor failed after [12]\.\d s: /),
    });
    expect(code).toBe(1);
    // The control: the same proxy, and a silence that it lets pass.
    const patient = await examine({ port: proxy.port, agent: "agent", pollFor: "200ms" });
    expect(patient.status("idle-connection")).toBe("ok");
    proxy.close();
  });

  test("one that forgets connections without a word is found too", async () => {
    const proxy = await TcpProxy.start(server);
    const child = spawnProgram([
      ...wordsOf({ port: proxy.port, agent: "agent", pollFor: "1500ms", more: ["--timeout", "2s"] }),
      "--json",
    ]);
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    await untilParked(
      server,
      "doctor",
      server.log.filter(({ msg, hostname }) => msg === "parked" && hostname === "doctor").length + 1,
    );
    proxy.swallow();
    await new Promise((resolve) => child.once("close", resolve));
    const findings: Finding[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(findings.slice(-2)).toMatchObject([
      { check: "idle-connection", status: "fail", detail: expect.stringMatching(/nothing comes back$/) },
      { check: "test-poll", status: "fail", detail: expect.stringMatching(/^the poll of doctor had no answer after /) },
    ]);
    proxy.close();
  });
});

describe("the test poll gets in nobody's way", () => {
  test("what waits for the machine stays where it is", async () => {
    pki.write("waiting", await pki.agent("waiting"));
    await operator.enqueue(wireDispatch("waiting"));
    const { code, found } = await examine({ agent: "waiting", pollFor: "1s" });
    expect(found("test-poll")).toEqual({
      check: "test-poll",
      status: "skip",
      detail: "something waits for waiting, and a poll would take it",
      advice: expect.stringContaining("pki agent doctor"),
    });
    expect(code).toBe(0);
    expect(await historyOf(operator, "waiting", "stable@a1b2c3d4")).toMatchObject({ state: "pending", attempt: 0 });
  });

  test("an agent that polls keeps its place", async () => {
    const identity = await pki.agent("busy");
    pki.write("busy", identity);
    const poll = new HttpClient(server, pki, identity).poll("?wait=60");
    await untilParked(server, "busy");
    const { found } = await examine({ agent: "busy", pollFor: "1s" });
    expect(found("test-poll")).toMatchObject({ status: "skip", detail: expect.stringContaining("polls now") });
    await operator.enqueue(wireDispatch("busy"));
    expect((await poll).status).toBe(200);
  });

  test("what comes during the poll is handed out again, and said", async () => {
    pki.write("surprised", await pki.agent("surprised"));
    const examined = examine({ agent: "surprised", pollFor: "8s" });
    await untilParked(server, "surprised");
    await operator.enqueue(wireDispatch("surprised"));
    await untilState(operator, "surprised", "stable@a1b2c3d4", "leased");
    const agent = new HttpClient(server, pki, await pki.agent("surprised"));
    expect((await agent.poll("?wait=60")).status).toBe(200);
    expect((await historyOf(operator, "surprised", "stable@a1b2c3d4")).events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["leased", "lease_expired", "delivered"]),
    );
    const { code, found } = await examined;
    expect([code, found("test-poll")]).toMatchObject([
      0,
      { status: "warn", detail: expect.stringContaining("went to the test poll") },
    ]);
  });

  test("without an agent's certificate it is skipped, and says how to get one", async () => {
    const { found, status } = await examine({ pollFor: "1s" });
    expect([status("idle-connection"), found("test-poll")]).toMatchObject([
      "ok",
      {
        status: "skip",
        detail: expect.stringContaining("no agent's certificate"),
        advice: expect.stringContaining("--agent-cert"),
      },
    ]);
  });
});

test("SIGINT ends it at once, with 130", async () => {
  const child = spawnProgram(wordsOf({ agent: "agent", pollFor: "60s" }));
  await untilParked(
    server,
    "doctor",
    server.log.filter(({ msg, hostname }) => msg === "parked" && hostname === "doctor").length + 1,
  );
  child.kill("SIGINT");
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code).toBe(130);
});
