// An enqueue on one server wakes a poll on another, and on the same one: the real program, three processes, mutual TLS.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const rounds = 300;
const warmUp = 30;

/** @returns by where the poll was, what each round took in milliseconds */
export async function wakeAcrossServers(url, folder) {
  const stateDir = join(folder, "state");
  mkdirSync(stateDir);
  // The first makes the certificates, and the schema.
  const servers = [await start(url, stateDir)];
  servers.push(await start(url, stateDir), await start(url, stateDir));
  try {
    const across = await measure(stateDir, servers[0], servers[1]);
    const same = await measure(stateDir, servers[2], servers[2]);
    return { "another server": across, "the same server": same };
  } finally {
    for (const { child } of servers) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  }
}

async function start(url, stateDir) {
  const flags = [
    "--json",
    "--listen",
    "127.0.0.1:0",
    "--admin-listen",
    "none",
    "--state-dir",
    stateDir,
    "--log-level",
    "warn",
  ];
  const child = spawn(process.execPath, ["dist/src/main.js", "serve", ...flags, "--sweep", "1h"], {
    env: { ...process.env, NIXFLEET_DISPATCH_DB: url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, port: Number(new URL(JSON.parse(line).url).port) };
}

async function measure(stateDir, enqueueAt, pollAt) {
  const file = (name) => readFileSync(join(stateDir, "pki", name));
  const callerOf = (name, { port }) => {
    const agent = new Agent({
      keepAlive: true,
      ca: file("ca.crt"),
      cert: file(`${name}.crt`),
      key: file(`${name}.key`),
    });
    return (method, path, body) => call(agent, { host: "localhost", port, method, path }, body);
  };
  const poll = callerOf("agent-web-01", pollAt);
  const operator = callerOf("operator-dev", enqueueAt);
  // What was there from the start, and from before.
  while ((await poll("GET", "/v1/agent/dispatch?wait=0")).status === 200);
  const taken = [];
  for (let round = 0; round < rounds + warmUp; round += 1) {
    const answer = poll("GET", "/v1/agent/dispatch?wait=30");
    // Parked by then, on whatever machine.
    await pause(15);
    const startedMs = performance.now();
    await operator("POST", "/v1/dispatches", JSON.stringify({ dispatches: [dispatch(round)] }));
    const { status } = await answer;
    if (status !== 200) throw new Error(`the poll ended with ${status}`);
    if (round >= warmUp) taken.push(performance.now() - startedMs);
  }
  return taken;
}

const dispatch = (round) => ({
  hostname: "web-01",
  rollout_id: `stable@${round.toString(16)}`,
  target_closure: "/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-web-01-26.05",
  soak_due_at: "2026-05-16T01:30:00Z",
});

function call(agent, options, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, agent, headers: { "content-type": "application/json" } }, (response) => {
      response.resume();
      response.on("end", () => resolve({ status: response.statusCode }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
