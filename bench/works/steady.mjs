// A fleet that waits, and a dispatch for one of it every few milliseconds.

import { atMost, row } from "../support/row.mjs";
import { interleaved, percentile } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

const batchSize = 1_000;

export async function steady(bench, { rounds, steady: scale }) {
  const starters = { product: () => bench.product(), floor: () => bench.floor() };
  return steadyOver(starters, { rounds, scale, barOf: atMost });
}

/** Without targets of its own. */
export async function steadyTls(bench, { rounds, steadyTls: scale }) {
  if (scale === undefined) return [];
  await bench.withAgents(scale.parked);
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  return steadyOver(starters, { wire: "mTLS, ", rounds, scale, barOf: () => undefined });
}

function steadyOver(starters, { wire = "", rounds, scale, barOf }) {
  const { parked, perSecond } = scale;
  return withSubjects(starters, async (subjects) => {
    for (const subject of Object.values(subjects)) await warmUp(subject, scale);
    const takers = Object.entries(subjects).map(([name, subject]) => [name, () => measure(subject, scale)]);
    const taken = await interleaved(rounds, Object.fromEntries(takers));
    const pick = (field) =>
      Object.fromEntries(Object.entries(taken).map(([name, runs]) => [name, runs.map((run) => run[field])]));
    const [p50, cores] = [pick("p50"), pick("cores")];
    const barsOf = (limit, { product, floor }) => [barOf(limit, product, floor, "floor")].filter(Boolean);
    const what = `${wire}${parked.toLocaleString("en")} parked, ${perSecond} enqueues a second`;
    return [
      row("steady", `${what}, p50`, "ms", p50, barsOf(3, p50)),
      row("steady", `${what}, p99`, "ms", pick("p99")),
      row("steady", `${what}, server`, "cores", cores, barsOf(2.5, cores)),
    ];
  });
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
