// One dispatch for one of many that are parked: from the enqueue call to the answer at the agent.

import { atMost, row } from "../support/row.mjs";
import { interleavedOver, percentile, pick } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function wake(bench, { rounds, wake: scale }) {
  const starters = { product: () => bench.product(), floor: () => bench.floor() };
  const bySize = await wakeOver(starters, rounds, scale);
  return [...bySize].flatMap(([size, taken]) => rowsOf(size, taken, bySize.get(scale.sizes[0])));
}

/** Without targets of its own: what TLS adds is the same for both. */
export async function wakeTls(bench, { rounds, wake: { tlsSizes, ...scale } }) {
  await bench.withAgents(Math.max(0, ...tlsSizes));
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  const bySize = await wakeOver(starters, rounds, { ...scale, sizes: tlsSizes });
  return [...bySize].flatMap(([size, taken]) => rowsWithoutBars(`mTLS, ${size.toLocaleString("en")} parked`, taken));
}

export async function wakeOver(starters, rounds, { sizes, times, warmUp }) {
  const bySize = new Map();
  for (const size of sizes) {
    const taken = await withSubjects(starters, async (subjects) => {
      for (const subject of Object.values(subjects)) {
        await subject.park(size);
        await subject.client.call("wake", size, warmUp);
      }
      return interleavedOver(subjects, rounds, (subject) => measure(subject, size, times));
    });
    bySize.set(size, taken);
  }
  return bySize;
}

async function measure(subject, size, times) {
  // The agents that were answered are parked again by the time that the next round begins.
  await subject.parked(size);
  const { result, cpuMicros } = await subject.withCpu(() => subject.client.call("wake", size, times));
  return { p50: percentile(result, 50), p99: percentile(result, 99), cpuMs: cpuMicros / 1_000 / times };
}

function rowsOf(size, taken, smallest) {
  const [p50, p99, cpu] = rowsWithoutBars(`${size.toLocaleString("en")} parked`, taken);
  const { product, floor } = pick(taken, "p50");
  const cpuOf = (runs) => pick(runs, "cpuMs").product;
  const cpuBars = taken === smallest ? [] : [atMost(1.3, cpuOf(taken), cpuOf(smallest), "that of the fewest")];
  return [{ ...p50, bars: [atMost(3, product, floor, "floor")] }, p99, { ...cpu, bars: cpuBars }];
}

function rowsWithoutBars(what, taken) {
  return [
    row("wake", `${what}, p50`, "ms", pick(taken, "p50")),
    row("wake", `${what}, p99`, "ms", pick(taken, "p99")),
    row("wake", `${what}, server CPU per enqueue`, "ms", pick(taken, "cpuMs")),
  ];
}
