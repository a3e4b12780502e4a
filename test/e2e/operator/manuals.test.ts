import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/program.js";
import { issue } from "../../../src/pki/issue.js";
import { authorityProfile, serverProfile } from "../../../src/pki/profile.js";
import { recordingIo, runCommand } from "../../cli/recording-io.js";
import { Cluster } from "../../support/postgres/cluster.js";
import { type LongRun, Sandbox, whyNoSandbox } from "../support/sandbox.js";
import { runProgram } from "../support/server.js";

/** Every command by what is typed behind the program's name. */
const paths = commands(recordingIo().io).flatMap((command) => pathsOf(command, ""));

function pathsOf(command: Command, parent: string): string[] {
  const path = `${parent} ${command.name()}`.trim();
  return [path, ...command.commands.flatMap((child) => pathsOf(child, path))];
}

interface Manual {
  readonly path: string;
  readonly help: string;
  readonly examples: readonly string[];
}

async function readManual(path: string): Promise<Manual> {
  const { code, stdout } = await runCommand([...path.split(" "), "--help"]);
  expect(code).toBe(0);
  const examples = /^Examples:\n([\s\S]*?)\n\nExit codes:\n/m.exec(stdout)?.[1] ?? "";
  return { path, help: stdout, examples: [...examples.matchAll(/^ {2}(?!#)(.*)$/gm)].map(([, line = ""]) => line) };
}

const manuals = new Map<string, Manual>();
beforeAll(async () => {
  for (const path of paths) manuals.set(path, await readManual(path));
});

function manualOf(path: string): Manual {
  const manual = manuals.get(path);
  if (manual === undefined) throw new Error(`there is no ${path}`);
  return manual;
}

test("every command has examples and exit codes in its help", () => {
  for (const path of paths) {
    expect([path, manualOf(path).examples.length > 0]).toEqual([path, true]);
    expect(manualOf(path).help).toMatch(/\nExit codes:\n {2}\d/);
  }
});

test("the built program prints the same help", async () => {
  const { stdout } = await runProgram(["db", "backup", "--help"]);
  expect(stdout).toBe(manualOf("db backup").help);
});

/** Examples that have been run, so that none is forgotten. */
const ran = new Set<string>();

const obstacle = whyNoSandbox();
if (obstacle !== undefined) console.warn(`the examples of --help are not run here: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("the examples of --help, run as they are printed", () => {
  let machine: Sandbox;
  let home: string;
  let server: LongRun;
  let cluster: Cluster | undefined;
  beforeAll(async () => {
    machine = await Sandbox.start("dispatch.lab.internal", "db.lab.internal");
    home = machine.home("operator");
    server = await served("serve", 0);
  });
  afterAll(async () => {
    await machine.remove();
    await cluster?.stop();
  });

  const line = (path: string, i: number) => {
    const example = manualOf(path).examples[i];
    if (example === undefined) throw new Error(`${path} has no example ${i + 1}`);
    ran.add(`${path} ${i}`);
    return example;
  };

  /** Runs an example to its end, which has to be a good one. @returns what it printed */
  async function works(path: string, i: number, input = "", from = home): Promise<string> {
    const { code, stdout, stderr } = await machine.run(line(path, i), from, input);
    expect({ line: line(path, i), code, stderr: code === 0 ? "" : stderr }).toEqual({
      line: line(path, i),
      code: 0,
      stderr: "",
    });
    return stdout;
  }

  async function typed(text: string): Promise<string> {
    const { code, stdout, stderr } = await machine.run(text, home);
    expect({ text, code, stderr: code === 0 ? "" : stderr }).toEqual({ text, code: 0, stderr: "" });
    return stdout;
  }

  async function served(path: string, i: number): Promise<LongRun> {
    const run = machine.start(line(path, i), home);
    await run.printed(/listening/);
    return run;
  }

  async function stopped(run: LongRun, signal: NodeJS.Signals = "SIGINT") {
    run.signal(signal);
    return run.ended();
  }

  const untilShown = (pattern: string) =>
    typed(`until curl -s http://127.0.0.1:9464/metrics | grep -q '${pattern}'; do :; done`);

  test("enqueue", async () => {
    expect(await works("enqueue", 0)).toBe("created  web-01  stable@a1b2c3d4\n");
    const jsonl = `printf '{"hostname":"web-%s","rollout_id":"edge@aa","target_closure":"/nix/store/0c6kzph2gpyqqg1fzfbkcxvpmfrlvvhz-x","soak_due_at":"2026-05-16T01:30:00Z"}\\n' 02 03`;
    await typed(`${jsonl} > fleet.jsonl`);
    expect(await works("enqueue", 1)).toMatch(/^2 dispatches enqueued/);
    machine.addProgram("plan-rollout", `#!/bin/sh\n${jsonl}\n`);
    expect(await works("enqueue", 2)).toBe("replaced  web-01  stable@a1b2c3d4\n");
    expect(await works("enqueue", 3)).toMatch(/2 replaced/);
    // So that the next examples find what they speak of.
    await works("enqueue", 0);
  });

  test("list, show, explain, stats and hosts", async () => {
    expect(await works("list", 0)).toMatch(/^HOST .*\n(.*\n)*web-01 +stable@a1b2c3d4 +pending/);
    expect(await works("list", 1)).toContain("web-01");
    await works("list", 2);
    expect(await works("show", 0)).toMatch(/^web-01 {2}stable@a1b2c3d4 {2}pending\n/);
    await works("show", 1);
    await works("explain", 0);
    await works("explain", 1);
    expect(await works("stats", 0)).toMatch(/^pending +\d+\n/);
    expect(Number(await works("stats", 1))).toBeGreaterThan(0);
    for (const i of [0, 1, 2]) await works("hosts", i);
  });

  test("watch, in a terminal that is left with Ctrl-C", async () => {
    const watching = machine.start(line("watch", 0), home);
    await untilShown("^nixfleet_dispatch_watchers 1$");
    await works("enqueue", 0);
    await watching.printed(/web-01 +stable@a1b2c3d4 +replaced/);
    expect((await stopped(watching)).code).toBe(130);

    const rejections = machine.start(line("watch", 1), home);
    await untilShown("^nixfleet_dispatch_watchers 1$");
    const lease = `curl -s --cacert $P/ca.crt --cert $P/agent-web-01.crt --key $P/agent-web-01.key https://localhost:8443/v1/agent/dispatch`;
    await typed(
      `P=$HOME/.local/state/nixfleet-dispatch/pki; T=$(${lease}?lease_seconds=60 | jq -c '{rollout_id, lease_token: .lease.token, reason: "disk full"}'); ${lease}/reject --json "$T"`,
    );
    await rejections.printed(/web-01\tdisk full/);
    expect((await stopped(rejections)).code).toBe(130);

    const later = machine.start(line("watch", 2), home);
    await untilShown("^nixfleet_dispatch_watchers 1$");
    expect(await stopped(later)).toMatchObject({ code: 130, stdout: "" });
  });

  test("agent, once and until it is stopped", async () => {
    await typed(`nixfleet-dispatch cancel --host web-01 --yes; ${line("enqueue", 0)}`);
    await typed("printf '#!/bin/sh\\nexit 0\\n' > activate.sh; chmod +x activate.sh");
    expect(await works("agent", 3)).toBe("acknowledged\n");
    for (const i of [1, 2]) {
      const agent = machine.start(line("agent", i), home);
      await works("enqueue", 0);
      await agent.printed(/stable@a1b2c3d4/);
      expect((await stopped(agent)).code).toBe(130);
    }
  });

  test("cancel; the last one asks, on a terminal", async () => {
    await works("enqueue", 0);
    expect(await works("cancel", 0)).toMatch(/^would be cancelled {2}web-01 {2}stable@a1b2c3d4/);
    expect(await works("cancel", 1)).toMatch(/^cancelled {2}web-01 {2}stable@a1b2c3d4\n/);
    await works("enqueue", 0);
    const asked = await machine.run(`script -qec ${quote(line("cancel", 2))} /dev/null`, home, "y\n");
    expect([asked.code, asked.stdout]).toEqual([0, expect.stringMatching(/Cancel \d+ dispatch(es)?\? \[y\/N\]/)]);
    expect(asked.stdout).toMatch(/cancelled {2}web-01/);
  });

  test("revoke, revocations and restore", async () => {
    await works("revoke", 0);
    await works("revoke", 1);
    expect(await works("revocations", 0)).toMatch(/^HOST .*\nweb-01 .* stolen\n/);
    expect(await works("revocations", 1)).toBe("web-01\n");
    await works("restore", 0);
  });

  test("doctor, which takes a minute", async () => {
    await typed("nixfleet-dispatch pki agent doctor; cp $HOME/.local/state/nixfleet-dispatch/pki/agent-doctor.* .");
    const [all, , withPoll, failed] = await Promise.all([0, 1, 2, 3].map((i) => works("doctor", i)));
    expect(all).toMatch(/\nok {4}idle-connection {5}a connection that was silent for 1 m still carries calls\n/);
    expect(withPoll).toMatch(/\nok {4}test-poll {11}a poll of doctor was held for (5\d\.\d s|1 m) and answered\n/);
    expect(failed).toBe("");
  }, 90_000);

  test("pki, each page with a home of its own", async () => {
    const newcomer = machine.home("newcomer");
    for (const i of manualOf("pki").examples.keys()) await works("pki", i, "", newcomer);
    for (const name of ["init", "server", "agent", "operator"]) {
      const another = machine.home(`pki-${name}`);
      if (name !== "init") await machine.run("nixfleet-dispatch pki init", another);
      await works(`pki ${name}`, 0, "", another);
    }
  });

  test("dashboard, until it is left with Ctrl-C", async () => {
    for (const i of [0, 1]) {
      const page = machine.start(line("dashboard", i), home);
      await page.printed(i === 0 ? /http:\/\/127\.0\.0\.1:\d+/ : /http:\/\/127\.0\.0\.1:8480/);
      expect((await stopped(page)).code).toBe(0);
    }
  });

  test("config and completion", async () => {
    for (const path of ["config", "config check"]) for (const i of [0, 1]) await works(path, i);
    for (const i of [0, 1, 2]) await works("completion", i);
    expect(await typed("head -1 ~/.zfunc/_nixfleet-dispatch")).toBe("#compdef nixfleet-dispatch\n");
  });

  test("db, beside the server, and migrate without it", async () => {
    for (const i of [0, 1]) await works("db", i);
    for (const i of [0, 1, 2]) await works("db check", i);
    await typed("rm dispatch-backup.db");
    await works("db backup", 0);
    expect((await stopped(server)).code).toBe(0);
    await works("db", 2);
    for (const i of [0, 1]) await works("db migrate", i);
  });

  test("the server of a fleet, and its agent", async () => {
    const pki = join(home, ".local/state/nixfleet-dispatch/pki");
    await typed("nixfleet-dispatch pki server dispatch.lab.internal localhost");
    copyFileSync(join(pki, "server-dispatch.lab.internal.crt"), join(home, "server.crt"));
    copyFileSync(join(pki, "server-dispatch.lab.internal.key"), join(home, "server.key"));
    for (const name of ["fleet-ca.crt", "ca.crt"]) copyFileSync(join(pki, "ca.crt"), join(home, name));
    for (const end of ["crt", "key"]) copyFileSync(join(pki, `agent-web-01.${end}`), join(home, `agent.${end}`));
    const fleet = await served("serve", 1);
    const agent = machine.start(line("agent", 0), home);
    await works("enqueue", 0);
    await agent.printed(/web-01 +stable@a1b2c3d4/);
    expect((await stopped(agent)).code).toBe(130);
    await works("db backup", 1);
    expect((await stopped(fleet, "SIGTERM")).code).toBe(0);
  });

  test("the move to PostgreSQL, and a server there", async () => {
    const validity = { now: new Date(), days: 2 };
    const ca = await issue(authorityProfile("the machine's", validity));
    const { certPem: cert, keyPem: key } = await issue(serverProfile(["db.lab.internal"], validity), ca);
    machine.trust(ca.certPem);
    cluster = await Cluster.start({ tls: { cert, key } });
    const postgres = cluster;
    await machine.forward(5432, postgres.port);
    const url = postgres.url(await postgres.createDatabase(), 5432);
    await typed(`mkdir /run/credentials; umask 077; printf '%s' '${url}' > /run/credentials/db-url`);
    expect(await works("db copy", 0)).toMatch(/^TABLE +ROWS +CHECKSUM\ndispatches +1 /);
    await postgres.sql("postgres", "CREATE ROLE dispatch LOGIN PASSWORD 'secret'");
    await postgres.sql("postgres", "CREATE DATABASE dispatch OWNER dispatch");
    await typed("umask 077; echo 'db.lab.internal:5432:dispatch:dispatch:secret' > ~/.pgpass");
    await works("db", 3);
    const several = await served("serve", 2);
    await works("enqueue", 0);
    expect((await stopped(several, "SIGTERM")).code).toBe(0);
  });

  test("none was left out", () => {
    const all = paths.flatMap((path) => manualOf(path).examples.map((_, i) => `${path} ${i}`));
    expect(all.filter((example) => !ran.has(example))).toEqual([]);
  });
});

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
