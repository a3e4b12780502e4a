import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Family } from "../support/exposition.js";
import { everyMetric } from "../support/metrics-page.js";
import { groupingsIn, type Selector, selectorsIn } from "../support/promql.js";

let metrics: ReadonlyMap<string, Family>;
beforeAll(async () => {
  metrics = await everyMetric();
});

/** What Prometheus itself puts on every sample, and makes of the buckets of a histogram. */
const addedLabels = ["instance", "job", "le"];

/** Why an expression would find nothing, ever. */
function troublesWith(expr: string): string[] {
  const selectors = selectorsIn(expr);
  if (selectors.length === 0) return [`names no metric: ${expr}`];
  const labels = selectors.flatMap(({ metric }) => [...(familyOf(metric)?.labels ?? [])]);
  return [
    ...selectors.flatMap(troublesOf),
    ...groupingsIn(expr)
      .filter((label) => !labels.includes(label) && !addedLabels.includes(label))
      .map((label) => `no metric of it has the label ${label}`),
  ];
}

function familyOf(metric: string): Family | undefined {
  const direct = metrics.get(metric);
  if (direct !== undefined) return direct.type === "histogram" ? undefined : direct;
  const base = metrics.get(metric.replace(/_(bucket|sum|count)$/, ""));
  return base?.type === "histogram" ? base : undefined;
}

function troublesOf({ metric, matchers }: Selector): string[] {
  if (metric === "up") return [];
  const family = familyOf(metric);
  if (family === undefined) return [`there is no ${metric}`];
  return matchers.flatMap(({ label, operator, text }) => {
    if (addedLabels.includes(label)) return [];
    if (!family.labels.has(label)) return [`${metric} has no label ${label}`];
    const isThere = family.samples.some(({ labels }) => labels[label] === text);
    return operator === "=" && !isThere ? [`${metric} never has ${label}="${text}"`] : [];
  });
}

describe("the check of expressions", () => {
  test.each([
    ["nixfleet_dispatch_gone_total > 0", "there is no nixfleet_dispatch_gone_total"],
    ["rate(nixfleet_dispatch_commit_seconds[5m])", "there is no nixfleet_dispatch_commit_seconds"],
    ['nixfleet_dispatch_dispatches{stat="dead"}', "nixfleet_dispatch_dispatches has no label stat"],
    ['nixfleet_dispatch_dispatches{state="undead"}', 'nixfleet_dispatch_dispatches never has state="undead"'],
    ["sum by (wire) (nixfleet_dispatch_parked_polls)", "no metric of it has the label wire"],
  ])("finds what is wrong with %s", (expr, trouble) => {
    expect(troublesWith(expr)).toEqual([trouble]);
  });
});

const rulesPath = "deploy/prometheus/nixfleet-dispatch.rules.yml";
const rules = readFileSync(rulesPath, "utf8");
const alerts = rules
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((block) => ({
    name: block.slice(0, block.indexOf("\n")),
    expr: /^ {8}expr: (.*)$/m.exec(block)?.[1] ?? "",
    severity: /^ {8}labels: \{ severity: (\w+) \}$/m.exec(block)?.[1],
    text: block,
  }));

describe("alert rules", () => {
  test.each(alerts)("$name asks for metrics and labels that exist", ({ expr }) => {
    expect(troublesWith(expr)).toEqual([]);
  });

  test.each(alerts)("$name says how bad it is, what it is and what to do", ({ severity, text }) => {
    expect(["critical", "warning", "info"]).toContain(severity);
    expect(text).toMatch(/^ {10}summary: ".+\."$/m);
    expect(text).toMatch(/^ {10}action: ".+\."$/m);
  });

  test("each name is there once", () => {
    expect(alerts.length).toBe(rules.match(/alert:/g)?.length);
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  });

  const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
  test.skipIf(!hasPromtool)(
    "promtool accepts them, and their own tests pass (skipped where there is no promtool)",
    () => {
      const cwd = "deploy/prometheus";
      const check = spawnSync("promtool", ["check", "rules", "nixfleet-dispatch.rules.yml"], { cwd, encoding: "utf8" });
      expect([check.status, check.stderr]).toEqual([0, ""]);
      const run = spawnSync("promtool", ["test", "rules", "nixfleet-dispatch.test.yml"], { cwd, encoding: "utf8" });
      expect([run.status, run.stdout]).toEqual([0, expect.stringContaining("SUCCESS")]);
    },
  );
});

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly id: number;
}

const dashboard: { panels: Panel[]; templating: { list: { name: string; definition?: string }[] } } = JSON.parse(
  readFileSync("deploy/grafana/nixfleet-dispatch.json", "utf8"),
);
const graphs = dashboard.panels.filter(({ type }) => type !== "row");

describe("the dashboard", () => {
  test.each(graphs)("$title asks for metrics and labels that exist", ({ targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.flatMap(({ expr }) => troublesWith(expr))).toEqual([]);
  });

  test("its variables are those that it uses, and their metric exists", () => {
    const used = new Set([...JSON.stringify(dashboard.panels).matchAll(/\$\{?([a-z]+)\}?/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual(dashboard.templating.list.map(({ name }) => name).sort());
    const [, metric = ""] = /label_values\((\w+), \w+\)/.exec(dashboard.templating.list[1]?.definition ?? "") ?? [];
    expect(metrics.has(metric)).toBe(true);
  });

  test("each panel has a place and an id of its own", () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const overlaps = graphs.flatMap((one, i) =>
      graphs.slice(i + 1).filter((other) => overlap(one.gridPos, other.gridPos)),
    );
    expect(overlaps.map(({ title }) => title)).toEqual([]);
  });

  test("every metric of the program's own is in it, or in an alert", () => {
    const asked = [...graphs.flatMap(({ targets = [] }) => targets), ...alerts].flatMap(({ expr }) =>
      selectorsIn(expr),
    );
    const names = new Set(
      asked.map(({ metric }) => (metrics.has(metric) ? metric : metric.replace(/_(bucket|sum|count)$/, ""))),
    );
    const own = [...metrics.keys()].filter(
      (name) => name.startsWith("nixfleet_dispatch_") && !name.endsWith("build_info"),
    );
    expect(own.filter((name) => !names.has(name))).toEqual([]);
  });
});

function overlap(a: Panel["gridPos"], b: Panel["gridPos"]): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
