// A fleet that waits, and a dispatch for one of it every few milliseconds.

import { atMost, row } from "../support/row.mjs";
import { interleavedOver, percentile, pick } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

const batchSize = 1_000;

export async function steady(bench, { rounds, steady: scale }) {
  const starters = { product: () => bench.product(), floor: () => bench.floor() };
  const taken = await steadyOver(starters, rounds, scale);
  const [p50, p99, cores] = rowsWithoutBars(whatOf(scale), taken);
  const bar = (limit, field) => {
    const { product, floor } = pick(taken, field);
    return [atMost(limit, product, floor, "floor")];
  };
  return [{ ...p50, bars: bar(3, "p50") }, p99, { ...cores, bars: bar(2.5, "cores") }];
}

/** Without targets of its own. */
export async function steadyTls(bench, { rounds, steadyTls: scale }) {
  if (scale === undefined) return [];
  await bench.withAgents(scale.parked);
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  return rowsWithoutBars(`mTLS, ${whatOf(scale)}`, await steadyOver(starters, rounds, scale));
}

function steadyOver(starters, rounds, scale) {
  return withSubjects(starters, async (subjects) => {
    for (const subject of Object.values(subjects)) await warmUp(subject, scale);
    return interleavedOver(subjects, rounds, (subject) => measure(subject, scale));
  });
}

function whatOf({ parked, perSecond }) {
  return `${parked.toLocaleString("en")} parked, ${perSecond} enqueues a second`;
}

function rowsWithoutBars(what, taken) {
  return [
    row("steady", `${what}, p50`, "ms", pick(taken, "p50")),
    row("steady", `${what}, p99`, "ms", pick(taken, "p99")),
    row("steady", `${what}, server`, "cores", pick(taken, "cores")),
  ];
}

/** So many are enqueued before anything is measured: a server that has run for a while has compiled its code. */
async function warmUp(subject, { parked, warmUp: wakes }) {
  await subject.park(parked);
  await subject.client.call("wake", parked, wakes);
}

async function measure(subject, { parked, perSecond, seconds }) {
  await parkAnew(subject, parked);
  const startedMs = performance.now();
  const { result, cpuMicros } = await subject.withCpu(() => subject.client.call("steady", parked, perSecond, seconds));
  const tookMs = performance.now() - startedMs;
  return { p50: percentile(result, 50), p99: percentile(result, 99), cores: cpuMicros / 1_000 / tookMs };
}

/**
 * Everybody is handed something and polls again, so that no wait ends in what is measured: the floor, whose polls wait for
 * ever, would be spared that.
 */
async function parkAnew(subject, parked) {
  await subject.park(parked);
  await subject.client.call("fanOut", parked, batchSize);
  await subject.park(parked);
}
