// The server is back after a restart, and every agent comes at once with a new handshake: until all are parked again.

import { atMost, below, row } from "../support/row.mjs";
import { interleavedOver, pick } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";

export async function storm(bench, { rounds, storm: { agents } }) {
  await bench.withAgents(agents);
  const starters = { product: () => bench.product({ wire: "mtls" }), floor: () => bench.floor("mtls") };
  return withSubjects(starters, async (subjects) => {
    const taken = await interleavedOver(subjects, rounds, (subject) => measure(subject, agents));
    const [seconds, errors] = [pick(taken, "seconds"), pick(taken, "errors")];
    const what = `${agents.toLocaleString("en")} agents over mTLS`;
    return [
      row("storm", `${what}, until all are parked`, "s", seconds, [
        atMost(1.2, seconds.product, seconds.floor, "floor"),
      ]),
      row("storm", `${what}, errors`, "", errors, [below(0, errors.product, "errors")]),
    ];
  });
}

async function measure(subject, agents) {
  await subject.restart();
  const startedMs = performance.now();
  const { errors } = await subject.client.call("storm", agents);
  while ((await subject.server.call("parked")) < agents - errors)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return { seconds: (performance.now() - startedMs) / 1_000, errors };
}
