// The results as a table of Markdown, which is also readable on a terminal.

const names = ["product", "aged database", "floor", "empty database", "bare SQLite", "bare adapter", "broadcast"];

/** @param rows as `support/row.mjs` makes them */
export function tableOf(rows) {
  const lines = rows.map(({ work, what, unit, figures, bars }) => {
    const [own, ...others] = Object.entries(figures).sort(([a], [b]) => rank(a) - rank(b));
    const besides = others.map(([name, spread]) => `${name} ${figure(spread)}`).join(", ");
    return [work, `${what}${unit === "" ? "" : ` (${unit})`}`, figure(own[1]), besides, bars.map(barText).join("; ")];
  });
  return format([["Work", "Figure", "Product", "Compared with", "Reached"], ...lines]);
}

function rank(name) {
  const index = names.indexOf(name);
  return index < 0 ? names.length : index;
}

function figure({ median, min, max }) {
  return min === max ? short(median) : `${short(median)} (${short(min)}–${short(max)})`;
}

function barText({ kind, limit, reached, than, isMet, isMissed }) {
  const verdict = isMet ? "met" : isMissed ? "MISSED" : "missed by less than 20 %";
  return `${verdict}: ${short(reached)}, ${kind} ${short(limit)} × ${than}`.replace(/ × (ms|errors)$/, " $1");
}

export function short(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}

function format([head, ...lines]) {
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)));
  const text = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [text(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...lines.map(text)].join("\n");
}
