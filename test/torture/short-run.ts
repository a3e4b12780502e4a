import type { TestPki } from "../e2e/support/pki.js";
import { binary } from "../e2e/support/server.js";
import { type RunOptions, run } from "./run.js";
import type { Tally } from "./tally.js";

let databases = 0;

/** A short run. A machine that many tests share may be late; `npm run torture` is held to the second. */
export function runShortly(pki: TestPki, changes: Partial<RunOptions> = {}): Promise<Tally> {
  databases += 1;
  return run({
    ...{ binary, pki, db: pki.path(`${databases}.db`), servers: 1, hosts: 12, withinMs: 3_000 },
    ...{ seed: Date.now() % 2 ** 31, loadMs: 16_000, roundMs: 4_000, uptimeMs: 1_000, aloneEvery: 4, quietMs: 30_000 },
    onProgress: () => undefined,
    stop: new AbortController().signal,
    ...changes,
  });
}
