#!/usr/bin/env node
// How far each path is from what Node can do, from the original's algorithm, and from the targets.
//
//   npm run bench                      everything; writes bench/results/full.json and docs/performance.svg
//   npm run bench -- --quick           less of each, in under two minutes; exits 1 if a target is missed by over 20 %
//   npm run bench -- --only wake,drain these works only; writes nothing but bench/results/only.json
//   npm run bench -- --profile FOLDER  with a CPU profile of every server process
//   npm run bench -- --folder FOLDER   databases there; default: the system's folder for temporary files

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine, machineText } from "./report/machine.mjs";
import { plotOf } from "./report/plot.mjs";
import { tableOf } from "./report/table.mjs";
import { full, quick } from "./support/scale.mjs";
import { Bench } from "./support/subjects.mjs";
import { age } from "./works/age.mjs";
import { fanOut, fanOutBroadcast, fanOutTls } from "./works/fan-out.mjs";
import { memory, memoryTls } from "./works/memory.mjs";
import { minimal } from "./works/minimal.mjs";
import { peers } from "./works/peers.mjs";
import { steady, steadyTls } from "./works/steady.mjs";
import { storm } from "./works/storm.mjs";
import { drain, emptyPoll, enqueue, loadTls, rpcWires } from "./works/throughput.mjs";
import { wake, wakeTls } from "./works/wake.mjs";

const works = {
  wake,
  wakeTls,
  drain,
  emptyPoll,
  loadTls,
  enqueue,
  rpcWires,
  steady,
  age,
  fanOut,
  fanOutBroadcast,
  memory,
  storm,
  steadyTls,
  memoryTls,
  fanOutTls,
  minimal,
  peers,
};

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    profile: { type: "string" },
    rounds: { type: "string" },
    folder: { type: "string" },
  },
});

const names = flags.only?.split(",") ?? Object.keys(works);
const unknown = names.filter((name) => works[name] === undefined);
if (unknown.length > 0)
  throw new Error(`there is no ${unknown.join(", ")}; there are ${Object.keys(works).join(", ")}`);

const scale = {
  ...(flags.quick ? quick : full),
  ...(flags.rounds === undefined ? {} : { rounds: Number(flags.rounds) }),
};
const folder = mkdtempSync(join(flags.folder ?? tmpdir(), "nixfleet-bench-"));
try {
  process.exitCode = report(await runAll());
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runAll() {
  const bench = await Bench.start({ folder, profileTo: flags.profile });
  const rows = [];
  for (const name of names) {
    const startedMs = performance.now();
    rows.push(...(await works[name](bench, scale)));
    // After each, so that a run that is broken off leaves what it has.
    write(rows);
    process.stderr.write(`${name}: ${Math.round((performance.now() - startedMs) / 1_000)} s\n`);
  }
  return rows;
}

function write(rows) {
  const where = machine();
  const kind = flags.only === undefined ? (flags.quick ? "quick" : "full") : "only";
  const results = new URL("./results/", import.meta.url);
  mkdirSync(results, { recursive: true });
  writeFileSync(new URL(`${kind}.json`, results), `${JSON.stringify({ machine: where, rows }, undefined, 2)}\n`);
  if (kind !== "full") return;
  const title = `Against the targets, ${where.date}, ${where.commit}`;
  writeFileSync(new URL("../docs/performance.svg", import.meta.url), plotOf(rows, title));
}

/** @returns the exit code */
function report(rows) {
  process.stdout.write(`${machineText(machine())}\n\n${tableOf(rows)}\n`);
  const bars = rows.flatMap((row) => row.bars);
  const missed = bars.filter(({ isMissed }) => isMissed).length;
  const met = bars.filter(({ isMet }) => isMet).length;
  process.stdout.write(`\n${met} of ${bars.length} targets met, ${missed} missed by over 20 %\n`);
  return flags.quick && missed > 0 ? 1 : 0;
}
