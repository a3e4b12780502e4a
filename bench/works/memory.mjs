// What a parked poll costs, its connection included, over the idle process.

import { atMost, row } from "../support/row.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function memory(bench, { rounds, memory: { parked } }) {
  return [await rowOf(bench, { rounds, name: "plain", wire: "plain", limit: 1.4, parked })];
}

export async function memoryTls(bench, { rounds, memory: { parkedTls } }) {
  await bench.withAgents(parkedTls);
  return [await rowOf(bench, { rounds, name: "mTLS", wire: "mtls", limit: 1.15, parked: parkedTls })];
}

async function rowOf(bench, { rounds, name, wire, limit, parked }) {
  const taken = { product: [], floor: [] };
  for (let round = 0; round < rounds; round++) {
    // Both at once: it is not their speed that is measured.
    const [product, floor] = await Promise.all([
      measure(() => bench.product({ wire }), parked),
      measure(() => bench.floor(wire), parked),
    ]);
    taken.product.push(product);
    taken.floor.push(floor);
  }
  const bar = atMost(limit, taken.product, taken.floor, "floor");
  return row("memory", `${name}, ${parked.toLocaleString("en")} parked, each`, "KB", taken, [bar]);
}

/** In a process of its own each time: what a process has held once it does not give back. */
function measure(starter, parked) {
  return withSubjects({ subject: starter }, async ({ subject }) => {
    await subject.park(1);
    const idle = await subject.server.call("residentBytes");
    await subject.park(parked);
    const full = await subject.server.call("residentBytes");
    return (full - idle) / 1_024 / (parked - 1);
  });
}
