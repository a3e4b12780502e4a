import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { agentCommand } from "../../src/cli/agent.js";
import { ensureDevelopmentPki } from "../../src/pki/development.js";
import { createTestPki, type TestPki } from "../agent/certificates.js";
import { attemptOver, firstLease, leasedDelivery, unavailable, web01 } from "../agent/running.js";
import { type CallReply, type Reply, type ScriptedServer, startScriptedServer } from "../agent/scripted-server.js";
import { recordingIo } from "./recording-io.js";
import { type Run, start } from "./run-alone.js";

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

test("has no --timeout, as its polls have a deadline of their own", async () => {
  const help = agentCommand(recordingIo().io).helpInformation();
  expect(help).not.toContain("--timeout");
  expect(help).toContain("--server");
  await expect(startAgent("--timeout", "5s").ended).resolves.not.toBe(0);
});

describe("with --lease", () => {
  const ok: CallReply = { kind: "ok" };
  const extended: CallReply = { kind: "lease", lease: firstLease };
  const about = { rollout_id: web01.rollout_id, lease_token: firstLease.token };
  const startLeased = (command: string, ...args: string[]) => startAgent("--lease", "60s", "--exec", command, ...args);

  test.each([[[]], [["--plain"]]])("and %j takes a lease, and acknowledges when the command succeeds", async (args) => {
    const run = startLeased("echo activated", "--once", ...args);
    const poll = await server.polls.next();
    expect(poll.leaseSeconds).toBe("60");
    poll.answer(leasedDelivery());
    const call = await server.calls.next();
    expect(call).toMatchObject({ call: "ack", fields: about });
    expect(run.stdout.text).toMatch(/^2026.*\nactivated\n$/);
    call.answer(ok);
    expect(await run.ended).toBe(0);
    expect(run.stderr.text).toBe("");
    await server.connectionsClosed();
    expect(run.signals.eventNames()).toEqual([]);
  });

  test("rejects with the command's last line on stderr, which is shown too, and polls on", async () => {
    const run = startLeased("echo copying >&2; printf '\\033[31mno space left\\033[0m\\n\\n' >&2; echo out; exit 3");
    (await server.polls.next()).answer(leasedDelivery());
    const call = await server.calls.next();
    expect(call).toMatchObject({ call: "reject", fields: { ...about, reason: "no space left" } });
    call.answer(ok);
    await server.polls.next();
    run.send("SIGTERM");
    expect(await run.ended).toBe(0);
    expect(run.stderr.text).toBe(
      "copying\n\u001b[31mno space left\u001b[0m\n\n" +
        "warning: stable@a1b2c3d4: the command ended with exit code 3; rejected: no space left\n",
    );
  });

  test("rejects with the exit code when the command said nothing on stderr; with --once the exit code is 1", async () => {
    const run = startLeased("echo out; exit 3", "--once");
    (await server.polls.next()).answer(leasedDelivery());
    const call = await server.calls.next();
    expect(call.fields.reason).toBe("the command ended with exit code 3");
    call.answer(ok);
    expect(await run.ended).toBe(1);
    expect(run.stderr.text).toBe("error: the command ended with exit code 3; rejected\n");
  });

  test("gives the command the lease on stdin and the attempt as a variable", async () => {
    const run = startLeased("cat; env | grep ^NIXFLEET_ | sort", "--once");
    const lease = { ...firstLease, attempt: 3 };
    (await server.polls.next()).answer(leasedDelivery({ lease }));
    (await server.calls.next()).answer(ok);
    expect(await run.ended).toBe(0);
    const [, json = "", ...variables] = run.stdout.text.trimEnd().split("\n");
    expect(JSON.parse(json)).toEqual({ ...web01, lease });
    expect(variables.map((variable) => variable.split("=")[0])).toEqual([
      "NIXFLEET_ATTEMPT",
      "NIXFLEET_ENQUEUED_AT",
      "NIXFLEET_HOSTNAME",
      "NIXFLEET_ROLLOUT_ID",
      "NIXFLEET_SOAK_DUE_AT",
      "NIXFLEET_TARGET_CLOSURE",
    ]);
    expect(variables[0]).toBe("NIXFLEET_ATTEMPT=3");
  });

  test.each<[string, CallReply, object, number]>([
    ["true", ok, { outcome: "acknowledged" }, 0],
    ["echo no space left >&2; false", ok, { outcome: "rejected", reason: "no space left" }, 1],
    ["true", attemptOver, { outcome: "lost", reason: "the lease has run out" }, 1],
  ])("and --json, of %j it prints the dispatch and what became of it", async (command, reply, outcome, code) => {
    const run = startLeased(command, "--once", "--json");
    (await server.polls.next()).answer(leasedDelivery());
    (await server.calls.next()).answer(reply);
    expect(await run.ended).toBe(code);
    const [first, second, ...rest] = run.stdout.text.trimEnd().split("\n");
    expect(JSON.parse(first ?? "")).toEqual({ ...web01, lease: firstLease });
    const key = { hostname: "web-01", rollout_id: "stable@a1b2c3d4", attempt: 1 };
    expect(JSON.parse(second ?? "")).toEqual({ ...key, ...outcome });
    expect(rest).toEqual([]);
  });

  test("extends the lease while the command runs", async () => {
    const go = join(folder, "extended");
    const run = startAgent("--lease", "1s", "--once", "--exec", `while [ ! -e ${go} ]; do sleep 0.01; done`);
    (await server.polls.next()).answer(leasedDelivery());
    // Four thirds: without them the command would have been killed.
    for (let i = 0; i < 4; i++) {
      const call = await server.calls.next();
      expect(call).toMatchObject({ call: "extend", fields: { ...about, lease_seconds: 1 } });
      call.answer(extended);
    }
    await writeFile(go, "");
    for (;;) {
      const call = await server.calls.next();
      call.answer(call.call === "ack" ? ok : extended);
      if (call.call === "ack") break;
    }
    expect(await run.ended).toBe(0);
  });

  test.each<[string, CallReply | undefined, RegExp]>([
    ["the server says so", attemptOver, /the lease is lost \(the lease has run out\)/],
    ["no extension gets through", undefined, /the lease is lost \(the lease has ended/],
  ])("kills the command and what it has started when the lease is lost: %s", async (_, reply, message) => {
    const command = "sleep 1000 & echo pid $!; wait";
    const run = startAgent("--lease", "1s", "--once", "--exec", command);
    (await server.polls.next()).answer(leasedDelivery());
    const [, pid] = await run.stdout.match(/^pid (\d+)$/m);
    expect(isRunning(Number(pid))).toBe(true);
    const call = await server.calls.next();
    expect(call.call).toBe("extend");
    if (reply !== undefined) call.answer(reply);
    expect(await run.ended).toBe(1);
    await expect.poll(() => isRunning(Number(pid))).toBe(false);
    expect(run.stderr.text).toMatch(message);
    expect(run.stderr.text).toMatch(/; the command was killed, and the server does not know\n$/);
    expect(server.calls.pending).toEqual([]);
    await server.connectionsClosed();
  });

  test("SIGTERM lets the running command finish, and acknowledges it", async () => {
    const go = join(folder, "finish");
    const run = startLeased(`echo started; while [ ! -e ${go} ]; do sleep 0.01; done; echo finished`);
    (await server.polls.next()).answer(leasedDelivery());
    await run.stdout.match(/^started$/m);
    run.send("SIGTERM");
    await writeFile(go, "");
    const call = await server.calls.next();
    expect(call.call).toBe("ack");
    expect(run.stdout.text).toContain("finished\n");
    call.answer(ok);
    expect(await run.ended).toBe(0);
    expect(server.polls.pending).toEqual([]);
    await server.connectionsClosed();
  });

  test.each([
    ["SIGTERM", 0],
    ["SIGINT", 130],
  ])("a second %s kills the command and leaves the dispatch to its next attempt", async (signal, code) => {
    const run = startLeased("sleep 1000 & echo pid $!; wait", "--json");
    (await server.polls.next()).answer(leasedDelivery());
    const [, pid] = await run.stderr.match(/^pid (\d+)$/m);
    run.send(signal);
    run.send(signal);
    expect(await run.ended).toBe(code);
    await expect.poll(() => isRunning(Number(pid))).toBe(false);
    expect(run.stdout.text).toContain('"attempt":1,"outcome":"abandoned"}\n');
    expect(run.stderr.text).toContain("the dispatch comes again when its lease has run out\n");
    expect(server.calls.pending).toEqual([]);
    await server.connectionsClosed();
  });

  test("a second signal ends the attempts to acknowledge", async () => {
    const run = startLeased("true");
    (await server.polls.next()).answer(leasedDelivery());
    (await server.calls.next()).answer(unavailable("3600"));
    await run.stderr.match(/stable@a1b2c3d4: acknowledging: the server is shutting down; again in \d+\.\d s\n/);
    run.send("SIGTERM");
    run.send("SIGTERM");
    expect(await run.ended).toBe(0);
    expect(run.stderr.text).toContain("the command succeeded and the server not told");
    await server.connectionsClosed();
  });

  test.each([
    [["--lease", "60s"], "--lease needs --exec", "agent --lease 60s --exec ./activate.sh"],
    [["--lease", "60", "--exec", "true"], "--lease: must be a whole number with a unit", "--lease 60s"],
    [["--lease", "0s", "--exec", "true"], "--lease: must be from 1s to 1h", "--lease 60s"],
    [["--lease", "61m", "--exec", "true"], "--lease: must be from 1s to 1h", "--lease 60s"],
    [["--lease", "1500ms", "--exec", "true"], "--lease: must be whole seconds", "--lease 60s"],
    [["--lease", "", "--exec", "true"], "--lease: must be a whole number with a unit", "--lease 60s"],
  ])("%j is a mistake, and it says what to type", async (args, problem, hint) => {
    const run = startAgent(...args);
    expect(await run.ended).toBe(2);
    expect(run.stderr.text).toContain(`error: ${problem}`);
    expect(run.stderr.text).toMatch(/^hint: For example: /m);
    expect(run.stderr.text).toContain(hint);
    expect(server.opened).toBe(0);
  });
});

async function readPems({ cert, key }: { cert: string; key: string }) {
  return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
}

/** A dead process that nobody has waited for yet, as under a container's first process, does not count. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
