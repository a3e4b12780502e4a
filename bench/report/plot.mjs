// The bars as a picture: how far each figure is from what it is to reach. On a scale of logarithms, since some are twice as
// good and some ten times.

import { short } from "./table.mjs";

const width = 960;
const left = 430;
const right = 110;
const lineHeight = 22;
const top = 64;

/** @param rows as `support/row.mjs` makes them @param title one line */
export function plotOf(rows, title) {
  const bars = rows.flatMap(({ work, what, bars: own }) => own.map((bar) => ({ label: `${work}: ${what}`, ...bar })));
  const drawn = bars.filter(({ limit }) => limit > 0);
  // 1 is the limit; above it is better, whichever way the figure counts.
  const points = drawn.map((bar) => ({
    ...bar,
    share: bar.kind === "at most" ? bar.limit / bar.reached : bar.reached / bar.limit,
  }));
  const [low, high] = [Math.min(0.5, ...points.map((p) => p.share)), Math.max(2, ...points.map((p) => p.share))];
  const x = (share) =>
    left + ((Math.log(share) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (width - left - right);
  const height = top + points.length * lineHeight + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="12" y="24" font-size="16" fill="#111827">${escaped(title)}</text>`,
    `<text x="12" y="44" fill="#4b5563">Right of the line: better than the target. Logarithmic.</text>`,
    ...points.map((point, i) => line(point, top + i * lineHeight, x)),
    `<line x1="${round(x(1))}" y1="${top - 10}" x2="${round(x(1))}" y2="${height - 12}" stroke="#111827" stroke-width="1.5"/>`,
    "</svg>",
    "",
  ].join("\n");
}

function line({ label, kind, limit, reached, share, isMet }, y, x) {
  const [from, to] = [Math.min(x(1), x(share)), Math.max(x(1), x(share))];
  const colour = isMet ? "#0f766e" : "#b45309";
  return [
    `<text x="${left - 8}" y="${y + 14}" text-anchor="end" fill="#111827">${escaped(label)}</text>`,
    `<rect x="${round(from)}" y="${y + 3}" width="${round(Math.max(1, to - from))}" height="${lineHeight - 8}" fill="${colour}"/>`,
    `<text x="${width - right + 8}" y="${y + 14}" fill="#374151">${short(reached)} (${kind === "at most" ? "≤" : "≥"} ${short(limit)})</text>`,
  ].join("\n");
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
