import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../e2e/support/command.js";
import { binary, type Finished } from "../e2e/support/server.js";

/** Runs a script as its reader would in the project's folder, and kills it if it hangs. */
export async function runInBash(script: string, env: Readonly<Record<string, string>>): Promise<Finished> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH ?? "", XDG_CONFIG_HOME: "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 50_000,
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text) => {
      texts[name] += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, ...texts };
}

/** A folder for the PATH in which the program has the name that it has once it is installed. */
export function installedProgram(folder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "nixfleet-dispatch"), `#!/bin/sh\nexec '${process.execPath}' '${binary}' "$@"\n`, {
    mode: 0o755,
  });
  return bin;
}
