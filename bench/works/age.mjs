// The same work on a database that has been in use for long, and on an empty one.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { makeAged } from "../support/aged-database.mjs";
import { readCertificates, serverTls } from "../support/certificates.mjs";
import { atLeast, atMost, below, row } from "../support/row.mjs";
import { interleaved, interleavedOver, percentile, pick } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function age(bench, { rounds, age: scale }) {
  const aged = bench.newDatabase();
  makeAged(aged, scale);
  const copy = () => {
    const path = bench.newDatabase();
    copyFileSync(aged, path);
    return path;
  };
  const starts = await interleaved(rounds, {
    "aged database": () => startMs(bench, aged),
    "empty database": () => startMs(bench, bench.newDatabase()),
  });
  const starters = {
    "aged database": () => bench.product({ db: copy() }),
    "empty database": () => bench.product(),
  };
  const taken = await withSubjects(starters, async (subjects) => {
    for (const subject of Object.values(subjects)) await measure(subject, scale);
    return interleavedOver(subjects, rounds, (subject) => measure(subject, scale));
  });
  return rowsOf(taken, starts, scale);
}

async function measure(subject, { parked, wakes, hosts, each, enqueued }) {
  await subject.park(parked);
  const { result } = await subject.withCpu(() => subject.client.call("wake", parked, wakes));
  await subject.client.call("close");
  const batches = { batchSize: 1_000, first: 50_000 };
  const enqueueMs = await subject.client.call("enqueueBatches", { ...batches, count: enqueued, hosts: enqueued });
  await subject.client.call("enqueueBatches", { batchSize: 1_000, count: hosts * each, hosts });
  const takes = await subject.client.call("drain", { connections: 64, hosts, each });
  return { wakeMs: percentile(result, 50), enqueue: enqueued / (enqueueMs / 1_000), takes };
}

function rowsOf(taken, starts, { events, pending }) {
  const [wakeMs, takes, enqueue] = ["wakeMs", "takes", "enqueue"].map((field) => pick(taken, field));
  const [aged, empty] = ["aged database", "empty database"];
  const what = `${events.toLocaleString("en")} of history, ${pending.toLocaleString("en")} pending`;
  const slower = (figures) => atLeast(1 / 1.3, figures[aged], figures[empty], "empty");
  return [
    row("age", `${what}: wake, p50`, "ms", wakeMs, [atMost(1.3, wakeMs[aged], wakeMs[empty], "empty")]),
    row("age", `${what}: drain`, "takes/s", takes, [slower(takes)]),
    row("age", `${what}: enqueue`, "dispatches/s", enqueue, [slower(enqueue)]),
    row("age", `${what}: start to ready`, "ms", starts, [below(2_000, starts[aged], "ms")]),
  ];
}

/** The real program, from its start until it says that it listens. */
async function startMs({ folder, certificates }, db) {
  const files = writeTlsFiles(folder, serverTls(readCertificates(certificates)));
  const flags = ["--json", "--db", db, "--listen", "127.0.0.1:0", "--admin-listen", "none", "--log-level", "warn"];
  const startedMs = performance.now();
  const child = spawn(process.execPath, ["dist/src/main.js", "serve", ...flags, ...files], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  await Promise.race([
    once(child.stdout, "data"),
    exited.then(([code]) => Promise.reject(new Error(`ended with ${code}`))),
  ]);
  const tookMs = performance.now() - startedMs;
  child.kill("SIGTERM");
  await exited;
  return tookMs;
}

/** @returns the flags that name them */
function writeTlsFiles(folder, { cert, key, clientCa }) {
  return Object.entries({ "tls-cert": cert, "tls-key": key, "client-ca": clientCa }).flatMap(([name, pem]) => {
    const path = `${folder}/${name}.pem`;
    writeFileSync(path, pem, { mode: 0o600 });
    return [`--${name}`, path];
  });
}
