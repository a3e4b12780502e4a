import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { DispatchJson } from "../../src/agent/index.js";
import { agentCommand } from "../../src/cli/agent.js";
import { ensureDevelopmentPki } from "../../src/pki/development.js";
import { createTestPki, type TestPki } from "../agent/certificates.js";
import { type Reply, type ScriptedServer, startScriptedServer } from "../agent/scripted-server.js";
import { type Run, start } from "./run-alone.js";

const web01: DispatchJson = {
  hostname: "web-01",
  rollout_id: "stable@a1b2c3d4",
  target_closure: "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05",
  soak_due_at: "2026-05-16T01:30:00.123456Z",
  enqueued_at: "2026-05-16T01:27:00Z",
};
const delivery: Reply = { kind: "dispatch", dispatch: web01 };

let pki: TestPki;
let server: ScriptedServer;
let folder: string;
let connection: string[];

beforeAll(async () => {
  pki = await createTestPki();
  folder = await mkdtemp(join(tmpdir(), "agent-command-"));
  const web01Pair = await pki.agent("web-01");
  await writeFile(join(folder, "ca.crt"), pki.ca);
  await writeFile(join(folder, "agent.crt"), web01Pair.cert);
  await writeFile(join(folder, "agent.key"), web01Pair.key);
  await writeFile(join(folder, "other.key"), (await pki.agent("web-02")).key);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  server = await startScriptedServer(pki);
  connection = ["--server", server.url, "--ca", "ca.crt", "--cert", "agent.crt", "--key", "agent.key"];
});
afterEach(() => server.close());

function startAgent(...args: string[]): Run {
  return start(agentCommand, [...connection, ...args], { cwd: folder });
}

test("prints a dispatch on one line and ends after it with --once", async () => {
  const run = startAgent("--once");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(0);
  expect(run.stdout.text).toMatch(
    /^2026-05-16T01:27:00Z +web-01 {2}stable@a1b2c3d4 +soak due .+ {2}\/nix\/store\/4k0c.+-26\.05\n$/,
  );
  expect(run.stderr.text).toBe("");
  await server.connectionsClosed();
  expect(run.signals.eventNames()).toEqual([]);
});

test("prints the five fields as JSON with --json", async () => {
  const run = startAgent("--once", "--json");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(0);
  expect(run.stdout.text).toBe(`${JSON.stringify(web01)}\n`);
});

test.each([
  [[], "/nixfleet.dispatch.v1.AgentService/TakeDispatch"],
  [["--plain"], "/v1/agent/dispatch?wait=60&hostname=web-01"],
])("with %j polls %s", async (args, path) => {
  const run = startAgent("--once", ...args);
  const poll = await server.polls.next();
  expect(poll.path).toBe(path);
  poll.answer(delivery);
  expect(await run.ended).toBe(0);
});

test("polls on after a dispatch", async () => {
  const run = startAgent("--json");
  (await server.polls.next()).answer(delivery);
  (await server.polls.next()).answer({ kind: "dispatch", dispatch: { ...web01, rollout_id: "stable@02" } });
  await run.stdout.match(/stable@02/);
  await server.polls.next();
  run.send("SIGTERM");
  expect(await run.ended).toBe(0);
});

test("gives the command the dispatch on stdin and in variables", async () => {
  const run = startAgent("--once", "--exec", "cat; env | grep ^NIXFLEET_ | sort");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(0);
  const [, json = "", ...variables] = run.stdout.text.trimEnd().split("\n");
  expect(JSON.parse(json)).toEqual(web01);
  expect(variables).toEqual([
    "NIXFLEET_ENQUEUED_AT=2026-05-16T01:27:00Z",
    "NIXFLEET_HOSTNAME=web-01",
    "NIXFLEET_ROLLOUT_ID=stable@a1b2c3d4",
    "NIXFLEET_SOAK_DUE_AT=2026-05-16T01:30:00.123456Z",
    `NIXFLEET_TARGET_CLOSURE=${web01.target_closure}`,
  ]);
});

test("with --json what the command prints goes to stderr", async () => {
  const run = startAgent("--once", "--json", "--exec", "echo out; echo err >&2");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(0);
  expect(run.stdout.text).toBe(`${JSON.stringify(web01)}\n`);
  expect(run.stderr.text.split("\n").sort()).toEqual(["", "err", "out"]);
});

test("reports a command that fails and polls on", async () => {
  const run = startAgent("--exec", "exit 3");
  (await server.polls.next()).answer(delivery);
  await server.polls.next();
  run.send("SIGTERM");
  expect(await run.ended).toBe(0);
  expect(run.stderr.text).toBe("warning: stable@a1b2c3d4: the command ended with exit code 3\n");
});

test("with --once the exit code is 1 if the command fails", async () => {
  const run = startAgent("--once", "--exec", "kill -9 $$");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(1);
  expect(run.stderr.text).toBe("error: the command was ended by SIGKILL\n");
});

test("does not wait for what the command leaves in the background", async () => {
  const run = startAgent("--once", "--exec", "sleep 1000 & echo $!");
  (await server.polls.next()).answer(delivery);
  expect(await run.ended).toBe(0);
  const [, pid] = await run.stdout.match(/^(\d+)$/m);
  process.kill(Number(pid));
});

test.each([
  [["--once"], "denied", Code.PermissionDenied, 403],
  [["--once", "--plain"], "denied", Code.Unauthenticated, 401],
])("with %j the exit code is 4 when the server denies it", async (args, message, code, status) => {
  const run = startAgent(...args);
  (await server.polls.next()).answer({ kind: "error", code, status, message });
  expect(await run.ended).toBe(4);
  expect(run.stderr.text).toBe("error: denied\n");
});

test("says when it will ask again after an error", async () => {
  const run = startAgent();
  (await server.polls.next()).answer({
    kind: "error",
    code: Code.PermissionDenied,
    status: 403,
    message: "the certificate is for web-02",
  });
  await server.polls.next();
  run.send("SIGTERM");
  expect(await run.ended).toBe(0);
  expect(run.stderr.text).toMatch(/^warning: the certificate is for web-02; asking again in [01]\.\d s\n$/);
});

test("drops a dispatch for another host", async () => {
  const run = startAgent();
  (await server.polls.next()).answer({ kind: "dispatch", dispatch: { ...web01, hostname: "web-02" } });
  await run.stderr.match(/warning: dropped a dispatch for another host, web-02\n/);
  run.send("SIGTERM");
  expect(await run.ended).toBe(0);
  expect(run.stdout.text).toBe("");
});

test.each([
  [[], {}, "web-01"],
  [["--hostname", "web-09"], {}, "web-09"],
  [["--agent-cn-suffix", "example.org"], {}, "agent-web-01.fleet.lab.internal"],
  [[], { NIXFLEET_DISPATCH_AGENT_CN_SUFFIX: "lab.internal" }, "web-01.fleet"],
])("with %j and the variables %j it is host %s", async (args, env, hostname) => {
  const run = start(agentCommand, [...connection, ...args], { cwd: folder, env });
  expect((await server.polls.next()).hostname).toBe(hostname);
  run.send("SIGTERM");
  await run.ended;
});

test.each([
  ["SIGTERM", 0],
  ["SIGINT", 130],
])("%s ends a parked poll, exit code %d", async (signal, code) => {
  const run = startAgent();
  await server.polls.next();
  run.send(signal);
  expect(await run.ended).toBe(code);
  await server.connectionsClosed();
  expect(run.signals.eventNames()).toEqual([]);
});

test("a signal lets the running command finish", async () => {
  const go = join(folder, "go");
  const run = startAgent("--exec", `echo started; while [ ! -e ${go} ]; do sleep 0.01; done; echo finished`);
  (await server.polls.next()).answer(delivery);
  await run.stdout.match(/^started$/m);
  run.send("SIGTERM");
  await writeFile(go, "");
  expect(await run.ended).toBe(0);
  expect(run.stdout.text).toContain("finished\n");
});

test("a second signal kills the command and what it has started", async () => {
  const run = startAgent("--exec", "sleep 1000 & echo pid $!; wait");
  (await server.polls.next()).answer(delivery);
  const [, pid] = await run.stdout.match(/^pid (\d+)$/m);
  expect(isRunning(Number(pid))).toBe(true);
  run.send("SIGINT");
  run.send("SIGINT");
  expect(await run.ended).toBe(130);
  await expect.poll(() => isRunning(Number(pid))).toBe(false);
});

test.each([
  [["--cert", "agent.crt", "--key", "other.key"], /--key: .*other\.key is not the key of .*agent\.crt/],
  [["--cert", "agent.key"], /--cert: .*agent\.key does not hold a certificate in PEM/],
  [["--key", "agent.crt"], /--key: .*agent\.crt does not hold a private key without a passphrase in PEM/],
  [["--ca", "agent.key"], /--ca: .*agent\.key does not hold a certificate in PEM/],
  [["--cert", "missing.crt"], /--cert: must name a file that exists/],
])("with %j the exit code is 2", async (args, message) => {
  const run = startAgent(...args);
  expect(await run.ended).toBe(2);
  expect(run.stderr.text).toMatch(message);
});

test("without --ca, --cert and --key it takes the development certificates", async () => {
  const development = await ensureDevelopmentPki(folder);
  const developmentServer = await startScriptedServer({
    ...pki,
    ca: await readFile(development.ca, "utf8"),
    server: await readPems(development.server),
  });
  try {
    const run = start(agentCommand, ["--server", developmentServer.url, "--state-dir", "."], { cwd: folder });
    expect((await developmentServer.polls.next()).commonName).toBe("agent-web-01.fleet.lab.internal");
    run.send("SIGTERM");
    expect(await run.ended).toBe(0);
  } finally {
    await developmentServer.close();
  }
});

test("without a certificate the exit code is 2, and it says what to pass", async () => {
  const run = start(agentCommand, ["--server", server.url, "--state-dir", "nothing-here"], { cwd: folder });
  expect(await run.ended).toBe(2);
  expect(run.stderr.text).toContain("error: --cert is missing");
  expect(run.stderr.text).toContain("Pass --cert and --key, or set NIXFLEET_DISPATCH_CERT and NIXFLEET_DISPATCH_KEY.");
});

async function readPems({ cert, key }: { cert: string; key: string }) {
  return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
}

/** A dead process that nobody has waited for yet, as under a container's first process, does not count. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
