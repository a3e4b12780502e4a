import type { Verdict } from "./checker/check.js";
import type { Entry, History } from "./checker/history.js";
import type { Ends } from "./servers.js";

/** The sum of all rounds. */
export class Tally {
  rounds = 0;
  readonly ends: Ends = { killed: 0, failed: 0, stopped: 0, crashed: 0 };
  readonly verdicts = new Map<string, Verdict>();
  /** What servers logged as errors. */
  readonly errors: string[] = [];
  /** Where the history is that broke a promise. */
  keptAt: string | undefined;
  readonly #counts = new Map<string, number>();

  get violations(): number {
    return [...this.verdicts.values()].reduce((sum, { violations }) => sum + violations.length, 0);
  }

  get isGood(): boolean {
    return this.violations === 0 && this.ends.crashed === 0;
  }

  /** How often an entry of this kind ended so; for takes also `received` and `received again`. */
  count(kind: Entry["kind"], ...results: readonly string[]): number {
    return results.reduce((sum, result) => sum + (this.#counts.get(`${kind} ${result}`) ?? 0), 0);
  }

  add(history: History, verdicts: readonly Verdict[]): void {
    this.rounds += 1;
    for (const entry of history.entries) this.#increment(`${entry.kind} ${resultOf(entry)}`);
    for (const { rule, promise, examined, violations } of verdicts) {
      const before = this.verdicts.get(rule) ?? { rule, promise, examined: 0, violations: [] };
      const sum = { examined: before.examined + examined, violations: [...before.violations, ...violations] };
      this.verdicts.set(rule, { ...before, ...sum });
    }
  }

  #increment(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

function resultOf(entry: Entry): string {
  if (entry.kind === "down" || entry.kind === "stall") return "";
  if (typeof entry.result === "string") return entry.result;
  return (entry.result.attempt ?? 1) > 1 ? "received again" : "received";
}
