import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestPki } from "../e2e/support/pki.js";
import { check, type Limits } from "./checker/check.js";
import type { History } from "./checker/history.js";
import { createFleet } from "./fleet.js";
import { Dice } from "./random.js";
import { playRound } from "./round.js";
import { Server, type ServersOptions } from "./servers.js";
import { Tally } from "./tally.js";

export interface RunOptions extends ServersOptions, Limits {
  readonly pki: TestPki;
  readonly seed: number;
  readonly hosts: number;
  readonly servers: number;
  /** How long there is load in all, in rounds of at most `roundMs`. */
  readonly loadMs: number;
  readonly roundMs: number;
  /** How long a server lives on average; `undefined`: it is left alone. */
  readonly uptimeMs: number | undefined;
  /** One round in so many, the one before the last of them, is without deaths: what is late then is not so because of one. */
  readonly aloneEvery: number;
  readonly quietMs: number;
  readonly onProgress: (tally: Tally, leftMs: number) => void;
  /** Ends the run early, in good order. */
  readonly stop: AbortSignal;
}

/** A round in which a promise was broken is the last. */
export async function run(options: RunOptions): Promise<Tally> {
  const { pki, seed, hosts, loadMs, roundMs, uptimeMs, aloneEvery, quietMs, stop } = options;
  const { withinMs, onProgress } = options;
  const dice = new Dice(seed);
  const fleet = await createFleet(pki, hosts);
  const tally = new Tally();
  const servers = Array.from({ length: options.servers }, () => new Server(options, tally.ends));
  for (let leftMs = loadMs; leftMs > 0 && !stop.aborted && tally.isGood; leftMs -= roundMs) {
    onProgress(tally, leftMs);
    const number = tally.rounds + 1;
    const ways = { fleet, servers, dice, quietMs, stop, loadMs: Math.min(roundMs, leftMs), uptimeMs };
    const history = await playRound({
      ...ways,
      number,
      delivery: number % 2 === 1 ? { kind: "once" } : { kind: "confirmed", withinMs: 2_000 },
      ...(number % aloneEvery === aloneEvery - 1 && { uptimeMs: undefined }),
    });
    tally.add(history, check(history, { withinMs }));
    for (const server of servers) tally.errors.push(...server.takeErrors());
    if (!tally.isGood) tally.keptAt = keep(pki.folder, number, history);
  }
  onProgress(tally, 0);
  return tally;
}

function keep(folder: string, round: number, history: History): string {
  const path = join(folder, `round-${round}.json`);
  writeFileSync(path, JSON.stringify(history, undefined, 1));
  return path;
}
