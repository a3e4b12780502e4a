// A line of the table: one figure, taken on several servers, and what it is to reach.

import { median, ratio, spread } from "./statistics.mjs";

/**
 * @param taken by server, the figures in the order of the rounds
 * @param unit such as `ms`
 */
export function row(work, what, unit, taken, bars = []) {
  const figures = Object.fromEntries(Object.entries(taken).map(([name, values]) => [name, spread(values)]));
  return { work, what, unit, figures, bars };
}

/** `over` shall be at most so many times `under`; both are lists of figures. */
export function atMost(times, over, under, than) {
  return bar({ kind: "at most", limit: times, reached: ratio(over, under), than });
}

export function atLeast(times, over, under, than) {
  return bar({ kind: "at least", limit: times, reached: ratio(over, under), than });
}

/** The figures themselves shall be at most this. */
export function below(limit, values, unit) {
  return bar({ kind: "at most", limit, reached: median(values), than: unit });
}

function bar({ kind, limit, reached, than }) {
  const isMet = kind === "at most" ? reached <= limit : reached >= limit;
  // By more than a fifth: what one run on a shared machine can say for sure.
  const isMissed = kind === "at most" ? reached > limit * 1.2 : reached < limit / 1.2;
  return { kind, limit, reached, than, isMet, isMissed };
}
