export function median(values) {
  return percentile(values, 50);
}

/** By the nearest rank, so that it is one of the values; for an even number the mean of the middle two. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (sorted.length - 1) * (percent / 100);
  const [low, high] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
  return percent === 50 ? (low + high) / 2 : sorted[Math.round(rank)];
}

/** What a table shows of a figure that was taken several times. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values };
}

/**
 * The median of the ratios of what was taken in the same round: a machine that slows down for a while slows both.
 *
 * @param over figures, one for each round
 * @param under the same, of what they are compared with
 */
export function ratio(over, under) {
  return median(over.map((value, i) => value / under[i]));
}

/** Takes each figure `rounds` times, in turns. @returns by name, the figures in the order of the rounds */
export async function interleaved(rounds, takers) {
  const taken = Object.fromEntries(Object.keys(takers).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // Whoever is first has the colder machine: that changes.
    const names = round % 2 === 0 ? Object.keys(takers) : Object.keys(takers).reverse();
    for (const name of names) taken[name].push(await takers[name](round));
  }
  return taken;
}

/** The same figures of each subject. @param subjects by name */
export function interleavedOver(subjects, rounds, measure) {
  const takers = Object.entries(subjects).map(([name, subject]) => [name, () => measure(subject)]);
  return interleaved(rounds, Object.fromEntries(takers));
}

/** One field of what was taken, by name. */
export function pick(taken, field) {
  return Object.fromEntries(Object.entries(taken).map(([name, runs]) => [name, runs.map((run) => run[field])]));
}
