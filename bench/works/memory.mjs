// What a parked poll costs, its connection included, over the idle process.

import { atMost, row } from "../support/row.mjs";
import { interleaved } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function memory(bench, { rounds, memory: { parked, parkedTls } }) {
  const rows = [];
  for (const [name, wire, limit, count] of [
    ["plain", "plain", 1.4, parked],
    ["mTLS", "mtls", 1.15, parkedTls],
  ]) {
    const taken = await interleaved(rounds, {
      product: () => measure(() => bench.product({ wire }), count),
      floor: () => measure(() => bench.floor(wire), count),
    });
    const bar = atMost(limit, taken.product, taken.floor, "floor");
    rows.push(row("memory", `${name}, ${count.toLocaleString("en")} parked, each`, "KB", taken, [bar]));
  }
  return rows;
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
