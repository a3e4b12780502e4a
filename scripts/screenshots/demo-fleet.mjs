// A small fleet to look at: a server with an hour of history, agents that poll, and a rollout on its way.
import { spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { dispatches } from "../../dist/src/agent/index.js";
import { issue } from "../../dist/src/pki/issue.js";
import { agentProfile, authorityProfile, operatorProfile, serverProfile } from "../../dist/src/pki/profile.js";

const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const suffix = "fleet.lab.internal";
const current = "stable@a1b2c3d4e5f6";

const roles = { web: 7, node: 9, db: 5, build: 4, cache: 4, edge: 5, kiosk: 6, mon: 2, ns: 2 };
const hostnames = ["ams2", "fra1", "hel1", "nyc3", "sin1"].flatMap((site) =>
  Object.entries(roles).flatMap(([role, count]) =>
    Array.from({ length: count }, (_, i) => `${site}-${role}-${String(i + 1).padStart(2, "0")}`),
  ),
);

/** Chance that is the same on every run. */
function chanceFrom(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

export async function startDemo() {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-demo-"));
  const chance = chanceFrom(7);
  const pki = await makePki(folder);
  const flags = serveFlags(folder);
  const first = await start(["serve", ...flags]);
  await first.stop();
  writeHistory(join(folder, "dispatch.db"), chance);
  const server = await start(["serve", ...flags]);
  const client = ["--server", server.told.url, "--ca", `${folder}/ca.crt`];
  const operator = [...client, "--cert", `${folder}/operator.crt`, "--key", `${folder}/operator.key`];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  await startAgents({ server: server.told.url, pki, chance, signal: stop.signal });
  await run(["revoke", "sin1-kiosk-04", "--reason", "stolen from the lobby", "--yes", ...operator]);
  const file = join(folder, "rollout.jsonl");
  writeFileSync(file, hostnames.map((hostname) => JSON.stringify(planned(hostname, current))).join("\n"));
  await run(["enqueue", "--file", file, ...operator]);
  const dashboard = await start(["dashboard", ...operator]);
  return {
    link: dashboard.told.link,
    rollout: current,
    /** For pictures of a page whose server is gone. */
    stopServer: () => server.stop(),
    async stop() {
      stop.abort();
      await dashboard.stop();
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function makePki(folder) {
  const validity = { now: new Date(), days: 90 };
  const ca = await issue(authorityProfile("demo fleet CA", validity));
  const write = (name, { certPem, keyPem }) => {
    writeFileSync(join(folder, `${name}.crt`), certPem);
    writeFileSync(join(folder, `${name}.key`), keyPem, { mode: 0o600 });
  };
  write("ca", ca);
  write("server", await issue(serverProfile(["localhost", "127.0.0.1"], validity), ca));
  write("operator", await issue(operatorProfile("ada", validity), ca));
  return { ca: ca.certPem, agent: (id, days) => issue(agentProfile(id, suffix, { now: new Date(), days }), ca) };
}

function serveFlags(folder) {
  return [
    ...["--listen", "127.0.0.1:0", "--admin-listen", "none", "--db", `${folder}/dispatch.db`, "--log-level", "error"],
    ...["--tls-cert", `${folder}/server.crt`, "--tls-key", `${folder}/server.key`, "--client-ca", `${folder}/ca.crt`],
  ];
}

function closureOf(hostname) {
  return `/nix/store/9krlzvny65gdc8s7kpb6lkx8cd02c25b-nixos-system-${hostname}-26.05`;
}

function planned(hostname, rolloutId) {
  const more = hostname.includes("build") ? { max_attempts: 2 } : {};
  return { hostname, rollout_id: rolloutId, target_closure: closureOf(hostname), soak: "30m", ...more };
}

/** Seven hosts of eight poll; a few of those reject, and a few take long. */
async function startAgents({ server, pki, chance, signal }) {
  for (const hostname of hostnames) {
    const kind = chance();
    if (kind < 0.12 || hostname === "sin1-kiosk-04") continue;
    const { certPem, keyPem } = await pki.agent(hostname, kind > 0.95 ? 9 : 90);
    const options = { server, hostname, ca: pki.ca, cert: certPem, key: keyPem, leaseSeconds: 120, signal };
    void work(options, kind, chance, signal).catch(() => undefined);
  }
}

async function work(options, kind, chance, signal) {
  for await (const dispatch of dispatches(options)) {
    await sleep(1_000 + chance() * 40_000, undefined, { signal });
    if (kind < 0.15) await dispatch.reject("activation failed: no space left on device");
    else if (kind < 0.22) await dispatch.keepLease();
    else await dispatch.acknowledge();
  }
}

/** Straight into the database: nobody waits an hour for a picture. */
function writeHistory(path, chance) {
  const db = new Database(path);
  const now = Date.now() * 1_000;
  const host = db.prepare("INSERT INTO hosts VALUES (?, ?, ?, 'http', ?, ?)");
  const row = db.prepare(
    `INSERT INTO dispatches (hostname, rollout_id, target_closure, soak_due_at, max_attempts, enqueued_at, sequence, state, attempt, reason, changed_at)
     VALUES (?, ?, ?, ?, 10, ?, ?, ?, ?, ?, ?)`,
  );
  const event = db.prepare(
    "INSERT INTO events (at, hostname, rollout_id, kind, attempt, actor, address, wire, detail, parked_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const lines = [];
  for (const [i, hostname] of hostnames.entries()) {
    const address = `10.20.${i % 5}.${(i % 200) + 10}`;
    host.run(hostname, now - chance() * 9e9, address, "nixfleet-agent/1.8.2", now + 80 * 86_400e6);
    for (const [k, rolloutId] of ["stable@77d0c9aa12", "edge@5e1f00d4", "stable@90cafe1234"].entries()) {
      if (rolloutId.startsWith("edge") && i % 4 !== 0) continue;
      const enqueuedAt = Math.round(now - (58 - k * 18) * 60e6 + (i % 40) * 12e6);
      const isTaken = chance() > 0.03;
      const takenAt = Math.round(enqueuedAt + 3e3 + chance() ** 6 * 45e6);
      const doneAt = Math.round(takenAt + 4e6 + chance() * 30e6);
      const isRejected = chance() > 0.985;
      const state = !isTaken ? "superseded" : isRejected ? "rejected" : "acknowledged";
      const reason = isRejected ? "unit nginx.service failed to start" : null;
      row.run(
        hostname,
        rolloutId,
        closureOf(hostname),
        enqueuedAt + 18e8,
        enqueuedAt,
        lines.length,
        state,
        1,
        reason,
        doneAt,
      );
      lines.push([
        enqueuedAt,
        hostname,
        rolloutId,
        "enqueued",
        0,
        "operator-planner",
        "10.20.0.4",
        "connect",
        "",
        null,
      ]);
      if (!isTaken) {
        lines.push([doneAt, hostname, rolloutId, state, 0, "operator-planner", "10.20.0.4", "connect", "", null]);
        continue;
      }
      const parkedMs = Math.round(chance() * 59_000);
      lines.push([takenAt, hostname, rolloutId, "leased", 1, hostname, address, "connect", "", parkedMs]);
      lines.push([doneAt, hostname, rolloutId, state, 1, hostname, address, "connect", reason ?? "", null]);
    }
  }
  lines.sort((a, b) => a[0] - b[0]);
  db.transaction(() => {
    for (const line of lines) event.run(...line);
  })();
  db.close();
}

/** A command that says with a line of JSON that it is up. */
async function start(args) {
  const child = spawn(process.execPath, [program, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  // Whatever goes wrong: nothing is left running.
  process.once("exit", () => child.kill());
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return {
    told: JSON.parse(line),
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function run(args) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
}
