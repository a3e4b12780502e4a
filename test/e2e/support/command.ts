import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Finished } from "./server.js";

/** Where the schema, its build file and the installed tools are. */
export const projectRoot = fileURLToPath(new URL("../../../", import.meta.url));

/** A program that is not ours, run to its end in the project's folder, and killed if it hangs. */
export async function runCommand(file: string, args: readonly string[]): Promise<Finished> {
  const env = { PATH: process.env.PATH ?? "", HOME: tmpdir() };
  const child = spawn(file, args, { env, cwd: projectRoot, timeout: 50_000, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text) => {
      texts[name] += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, ...texts };
}

export const hasCurl = spawnSync("curl", ["--version"]).status === 0;
