// One dispatch for one of many that are parked: from the enqueue call to the answer at the agent.

import { atMost, row } from "../support/row.mjs";
import { interleaved, percentile } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function wake(bench, { rounds, wake: { sizes, times, warmUp } }) {
  const bySize = new Map();
  for (const size of sizes) {
    const starters = { product: () => bench.product(), floor: () => bench.floor() };
    const taken = await withSubjects(starters, async (subjects) => {
      for (const subject of Object.values(subjects)) {
        await subject.park(size);
        await subject.client.call("wake", size, warmUp);
      }
      return interleaved(
        rounds,
        Object.fromEntries(
          Object.entries(subjects).map(([name, subject]) => [name, () => measure(subject, size, times)]),
        ),
      );
    });
    bySize.set(size, taken);
  }
  return [...bySize].flatMap(([size, taken]) => rowsOf(size, taken, bySize.get(sizes[0])));
}

async function measure(subject, size, times) {
  // The agents that were answered are parked again by the time that the next round begins.
  await subject.parked(size);
  const { result, cpuMicros } = await subject.withCpu(() => subject.client.call("wake", size, times));
  return { p50: percentile(result, 50), p99: percentile(result, 99), cpuMs: cpuMicros / 1_000 / times };
}

function rowsOf(size, taken, smallest) {
  const what = `${size.toLocaleString("en")} parked`;
  const { product, floor } = pick(taken, "p50");
  const cpu = pick(taken, "cpuMs");
  const cpuBars =
    taken === smallest ? [] : [atMost(1.3, cpu.product, pick(smallest, "cpuMs").product, "that of the fewest")];
  return [
    row("wake", `${what}, p50`, "ms", { product, floor }, [atMost(3, product, floor, "floor")]),
    row("wake", `${what}, p99`, "ms", pick(taken, "p99")),
    row("wake", `${what}, server CPU per enqueue`, "ms", cpu, cpuBars),
  ];
}

function pick(taken, field) {
  return Object.fromEntries(Object.entries(taken).map(([name, runs]) => [name, runs.map((run) => run[field])]));
}
