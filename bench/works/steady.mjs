// A fleet that waits, and a dispatch for one of it every few milliseconds.

import { atMost, row } from "../support/row.mjs";
import { interleaved, percentile } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

const batchSize = 1_000;

/** @param warmUp so many are enqueued before anything is measured: a server that has run for a while has compiled its code */
export async function steady(bench, { rounds, steady: { parked, perSecond, seconds, warmUp } }) {
  const measure = async (subject) => {
    await parkAnew(subject, parked);
    const startedMs = performance.now();
    const { result, cpuMicros } = await subject.withCpu(() =>
      subject.client.call("steady", parked, perSecond, seconds),
    );
    const tookMs = performance.now() - startedMs;
    return { p50: percentile(result, 50), p99: percentile(result, 99), cores: cpuMicros / 1_000 / tookMs };
  };
  return withSubjects({ product: () => bench.product(), floor: () => bench.floor() }, async ({ product, floor }) => {
    for (const subject of [product, floor]) {
      await subject.park(parked);
      await subject.client.call("wake", parked, warmUp);
    }
    const taken = await interleaved(rounds, { product: () => measure(product), floor: () => measure(floor) });
    const pick = (field) => ({
      product: taken.product.map((run) => run[field]),
      floor: taken.floor.map((run) => run[field]),
    });
    const [p50, cores] = [pick("p50"), pick("cores")];
    const what = `${parked.toLocaleString("en")} parked, ${perSecond} enqueues a second`;
    return [
      row("steady", `${what}, p50`, "ms", p50, [atMost(3, p50.product, p50.floor, "floor")]),
      row("steady", `${what}, p99`, "ms", pick("p99")),
      row("steady", `${what}, server`, "cores", cores, [atMost(2.5, cores.product, cores.floor, "floor")]),
    ];
  });
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
