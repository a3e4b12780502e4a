import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { Cluster } from "./cluster.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test files ask for the shared PostgreSQL, and find out where it is. */
    postgresFolder: string;
  }
}

/**
 * One PostgreSQL for all test files, started when the first one asks (by a file, since they run in processes of their own) and
 * stopped at the end, whatever the tests did. Each test file has databases of its own in it.
 */
export default function setup({ provide }: TestProject): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-shared-pg-"));
  let starting: Promise<Cluster> | undefined;
  provide("postgresFolder", folder);
  const timer = setInterval(() => {
    if (starting !== undefined || !existsSync(join(folder, "wanted"))) return;
    starting = Cluster.start();
    void starting.then(
      (cluster) => answer(folder, { port: cluster.port, folder: cluster.folder }),
      (error: unknown) => answer(folder, { error: String(error) }),
    );
  }, 50);
  return async () => {
    clearInterval(timer);
    const cluster = await starting?.catch(() => undefined);
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}

function answer(folder: string, value: object): void {
  writeFileSync(join(folder, "answer.tmp"), JSON.stringify(value));
  renameSync(join(folder, "answer.tmp"), join(folder, "answer"));
}
