// The same works on the least that keeps what it is given: what of the distance to the floor is keeping it, and what is the product.

import { row } from "../support/row.mjs";
import { interleavedOver, pick } from "../support/statistics.mjs";
import { withSubjects } from "../support/subjects.mjs";
import { measure as measureFanOut, warmUpAll } from "./fan-out.mjs";
import { drainOver } from "./throughput.mjs";
import { wakeOver } from "./wake.mjs";

/** Without targets of its own. */
export async function minimal(bench, { rounds, wake, drain, fanOut, minimal: scale }) {
  if (scale === undefined) return [];
  const { parked } = scale;
  const starters = { product: () => bench.product(), floor: () => bench.floor(), minimal: () => bench.minimal() };
  const woken = await wakeOver(starters, rounds, { ...wake, sizes: [parked] });
  const taken = await drainOver(starters, rounds, drain);
  const fannedOut = await fanOutOver(starters, rounds, { ...fanOut, size: parked });
  const count = parked.toLocaleString("en");
  return [
    row("minimal", `wake: ${count} parked, p50`, "ms", pick(woken.get(parked), "p50")),
    row("minimal", `fan-out: ${count} parked, until the last has it`, "ms", pick(fannedOut, "ms")),
    row("minimal", `drain: ${(drain.hosts * drain.each).toLocaleString("en")} queued`, "takes/s", taken),
  ];
}

function fanOutOver(starters, rounds, { size, batchSize, warmUp }) {
  return withSubjects(starters, async (subjects) => {
    await warmUpAll(subjects, size, { batchSize, warmUp });
    return interleavedOver(subjects, rounds, (subject) => measureFanOut(subject, size, batchSize));
  });
}
