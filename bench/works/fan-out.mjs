// One dispatch for each of many that are parked, enqueued in batches: until the last agent has its own.

import { atLeast, atMost, row } from "../support/row.mjs";
import { interleavedOver } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function fanOut(bench, { rounds, fanOut: { sizes, batchSize, warmUp } }) {
  const starters = { product: () => bench.product(), floor: () => bench.floor() };
  return fanOutOver(starters, { name: "plain", limit: 1.5, rounds, sizes, batchSize, warmUp });
}

export async function fanOutTls(bench, { rounds, fanOut: { tlsSizes, batchSize, warmUp } }) {
  await bench.withAgents(Math.max(...tlsSizes));
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  return fanOutOver(starters, { name: "mTLS", limit: 1.35, rounds, sizes: tlsSizes, batchSize, warmUp });
}

export async function fanOutBroadcast(bench, { rounds, fanOut: { broadcastAt, batchSize } }) {
  const starters = { product: () => bench.product(), broadcast: () => bench.product({ isBroadcast: true }) };
  return withSubjects(starters, async (subjects) => {
    const rows = [];
    for (const size of broadcastAt) rows.push(broadcastRow(size, await measureAll(subjects, rounds, size, batchSize)));
    return rows;
  });
}

function fanOutOver(starters, { name, limit, rounds, sizes, batchSize, warmUp }) {
  return withSubjects(starters, async (subjects) => {
    await warmUpAll(subjects, sizes[0], { batchSize, warmUp });
    const rows = [];
    for (const size of sizes)
      rows.push(...rowsOf(name, limit, size, await measureAll(subjects, rounds, size, batchSize)));
    return rows;
  });
}

/** @param warmUp so many are handed out before anything is measured: code that is compiled is what is compared */
export async function warmUpAll(subjects, size, { batchSize, warmUp }) {
  for (const subject of Object.values(subjects)) {
    for (let n = 0; n < warmUp; n += size) await measure(subject, size, batchSize);
  }
}

async function measureAll(subjects, rounds, size, batchSize) {
  for (const subject of Object.values(subjects)) await measure(subject, size, batchSize);
  return interleavedOver(subjects, rounds, (subject) => measure(subject, size, batchSize));
}

export async function measure(subject, size, batchSize) {
  await subject.park(size);
  const { result, cpuMicros } = await subject.withCpu(() => subject.client.call("fanOut", size, batchSize));
  return { ms: result, cpuMs: cpuMicros / 1_000 };
}

function rowsOf(wire, limit, size, { product, floor }) {
  const ms = { product: product.map((run) => run.ms), floor: floor.map((run) => run.ms) };
  const cpu = { product: product.map((run) => run.cpuMs), floor: floor.map((run) => run.cpuMs) };
  const what = `${wire}, ${size.toLocaleString("en")} parked`;
  return [
    row("fan-out", `${what}, until the last has it`, "ms", ms, [atMost(limit, ms.product, ms.floor, "floor")]),
    row("fan-out", `${what}, server CPU`, "ms", cpu),
  ];
}

function broadcastRow(size, { product, broadcast }) {
  const ms = { product: product.map((run) => run.ms), broadcast: broadcast.map((run) => run.ms) };
  const bar = atLeast(8, ms.broadcast, ms.product, "as fast as broadcast");
  return row("fan-out", `plain, ${size.toLocaleString("en")} parked, against broadcast`, "ms", ms, [bar]);
}
