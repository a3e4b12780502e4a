import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Family } from "../support/exposition.js";
import { everyMetric } from "../support/metrics-page.js";
import { section, tableRows } from "./markdown.js";
import { codeSpans } from "./sources.js";

const page = readFileSync("docs/metrics.md", "utf8");
const sections = ["## The queue", "## The store", "## The port", "## The process"];

let metrics: ReadonlyMap<string, Family>;
beforeAll(async () => {
  metrics = await everyMetric();
});

describe("docs/metrics.md", () => {
  test("has one row for each metric of the program's own, with its type, labels and help", () => {
    const own = [...metrics].filter(([name]) => name.startsWith("nixfleet_dispatch_"));
    const expected = own.map(([name, { type, labels, help }]) => [
      `\`${name}\``,
      type,
      [...labels].sort().join(),
      help,
    ]);
    const listed = sections
      .flatMap((heading) => tableRows(section(page, heading), "Metric"))
      .map(([name, type, labels = "", help]) => [name, type, codeSpans(labels).sort().join(), help]);
    expect(listed.toSorted()).toEqual(expected.toSorted());
  });

  test("every other metric that it names exists", () => {
    const named = codeSpans(page).filter((code) => /^(process|nodejs)_\w+$/.test(code));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !metrics.has(name))).toEqual([]);
  });
});
