// Fails if gen/ is not what `buf generate` writes from the schema now.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-gen-"));
try {
  execFileSync("buf", ["generate", "--output", folder], { stdio: "inherit" });
  const fresh = filesBelow(join(folder, "gen"));
  const committed = filesBelow("gen");
  const changed = [...new Set([...fresh.keys(), ...committed.keys()])].filter(
    (name) => fresh.get(name) !== committed.get(name),
  );
  if (changed.length > 0) {
    console.error(`gen/ is not what the schema generates; run: npm run generate\n${changed.join("\n")}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Name relative to the folder, to content. */
function filesBelow(root) {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(root.length), readFileSync(path, "utf8")]));
}
