import { readdirSync, readFileSync } from "node:fs";
import { join, normalize, sep } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * Which part of src/ may import which others. Imports run one way: main → cli → app → {http, store, identity, telemetry}
 * → dispatch. `gen` is the generated code.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ["cli"],
  index: ["app", "http", "store", "dispatch"],
  cli: ["app", "config", "agent", "pki", "relay", "words", "http", "telemetry", "dispatch", "identity", "gen"],
  app: ["http", "store", "identity", "telemetry", "dispatch"],
  http: ["identity", "dispatch", "gen"],
  store: ["dispatch"],
  identity: ["dispatch"],
  telemetry: ["dispatch"],
  agent: ["gen"],
  words: ["config", "http", "dispatch", "gen"],
  relay: [],
  dashboard: ["words", "config", "http", "dispatch", "gen"],
  pki: ["config", "dispatch"],
  config: ["dispatch"],
  dispatch: [],
};

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => join("src", file));

/** Files (relative to the project's root) and packages that a file imports, for types too. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const specifiers = [...text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"|\bimport\("([^"]+)"\)/gms)];
  return specifiers
    .map(([, from, dynamic]) => from ?? dynamic ?? "")
    .map((specifier) => (specifier.startsWith(".") ? normalize(join(file, "..", specifier)) : specifier));
}

/** The part of the project that a file belongs to, or undefined for a package. */
function partOf(path: string): string | undefined {
  const [root, part = ""] = path.split(sep);
  if (root === "gen") return "gen";
  return root === "src" ? part.replace(/\.[jt]s$/, "") : undefined;
}

/** Each file with those of the project that it imports. */
const graph: ReadonlyMap<string, readonly string[]> = new Map(
  files.map((file) => [
    file,
    importsOf(file)
      .map((target) => target.replace(/\.js$/, ".ts"))
      .map((target) => (files.includes(target) ? target : `${target}x`))
      .filter((target) => files.includes(target)),
  ]),
);

describe("imports run one way", () => {
  test("every part of src/ is in the table", () => {
    expect(new Set(files.map(partOf))).toEqual(new Set(Object.keys(allowed)));
  });

  test("no part imports one that it may not", () => {
    const wrong = files.flatMap((file) => {
      const own = partOf(file) ?? "";
      return importsOf(file)
        .filter((target) => {
          const part = partOf(target);
          return part !== undefined && part !== own && !allowed[own]?.includes(part);
        })
        .map((target) => `${file} → ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test("SQL lives in store/ only, TLS sockets are read in one file only", () => {
    const importers = (name: string) =>
      files.filter((file) => importsOf(file).some((target) => target.startsWith(name)));
    expect(importers("drizzle-orm").every((file) => file.startsWith(join("src", "store")))).toBe(true);
    expect(importers("better-sqlite3").every((file) => file.startsWith(join("src", "store")))).toBe(true);
    const postgres = files.filter((file) => importsOf(file).includes("pg"));
    expect(postgres.every((file) => file.startsWith(join("src", "store", "postgres")))).toBe(true);
    const readers = files.filter((file) => readFileSync(file, "utf8").includes("getPeerCertificate"));
    expect(readers).toEqual([join("src", "identity", "peer-cert.ts")]);
  });

  test("what runs in browsers imports no module of Node.js, directly or by a detour", () => {
    const inBrowsers = reachable(
      files.filter((file) => partOf(file) === "dashboard"),
      graph,
    );
    expect(inBrowsers.some((file) => partOf(file) === "words")).toBe(true);
    const wrong = inBrowsers.filter((file) => importsOf(file).some((target) => isOfNode(target)));
    expect(wrong).toEqual([]);
  });

  test("no file imports itself by a detour", () => {
    expect(files.flatMap((file) => cycleThrough(file, graph))).toEqual([]);
  });

  test("the path of the agents' call is written in the schema, and nowhere in the code", () => {
    expect(files.filter((file) => readFileSync(file, "utf8").includes("/v1/agent/dispatch"))).toEqual([]);
  });
});

function reachable(starts: readonly string[], from: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set(starts);
  for (const file of seen) for (const target of from.get(file) ?? []) seen.add(target);
  return [...seen];
}

function isOfNode(specifier: string): boolean {
  return specifier.startsWith("node:") || specifier === "@connectrpc/connect-node";
}

function cycleThrough(start: string, graph: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>();
  const waiting = [...(graph.get(start) ?? [])];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (file === start) return [start];
    if (seen.has(file)) continue;
    seen.add(file);
    waiting.push(...(graph.get(file) ?? []));
  }
  return [];
}
