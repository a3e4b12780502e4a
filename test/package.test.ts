import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** Imports the built package by its own name, as its users do, and tells what it exports. */
function exportsOf(specifier: string): string[] {
  const script = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(specifier)}))))`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" }));
}

describe("the package", () => {
  test("exports the server for embedding, the agent library and the generated code", () => {
    expect(exportsOf("nixfleet-dispatch")).toEqual(expect.arrayContaining(["startServer", "loadTlsFiles"]));
    expect(exportsOf("nixfleet-dispatch/agent")).toEqual(expect.arrayContaining(["dispatches", "plainDispatches"]));
    const generated = exportsOf("nixfleet-dispatch/gen/nixfleet/dispatch/v1/agent_service_pb");
    expect(generated).toContain("AgentService");
  });

  test("contains what it needs to run, and neither tests nor sources", () => {
    const listing = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [{ files }] = JSON.parse(listing);
    const paths: string[] = files.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "dist/src/main.js",
        "dist/src/dashboard/index.html",
        "dist/src/dashboard/open.html",
        "dist/src/store/sqlite/migrations/meta/_journal.json",
        "proto/nixfleet/dispatch/v1/agent_service.proto",
        "LICENSE",
      ]),
    );
    expect(paths.filter((path) => path.startsWith("test/") || path.startsWith("src/"))).toEqual([]);
  });

  test("names no registry in its lock file, and every install script it needs in allowScripts", () => {
    const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
    const packages: [string, { resolved?: string; hasInstallScript?: boolean }][] = Object.entries(lock.packages);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    const withScripts = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
    // fsevents is for macOS only and not installed elsewhere.
    const needed = new Set(withScripts.filter((name) => name !== "fsevents"));
    expect(new Set(Object.keys(manifest.allowScripts))).toEqual(needed);
  });
});
