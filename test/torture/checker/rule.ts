import type { Ledger } from "./ledger.js";

/** One promise, and how a history is held to it. */
export interface Rule {
  readonly name: string;
  /** What holds, as a sentence. */
  readonly promise: string;
  examine(ledger: Ledger, examination: Examination): void;
}

export interface Violation {
  readonly message: string;
  /** The entries and rows that show it. */
  readonly evidence: readonly unknown[];
}

/** What a rule has looked at, and what it found. A rule that looked at nothing has proven nothing. */
export class Examination {
  readonly violations: Violation[] = [];
  #examined = 0;

  get examined(): number {
    return this.#examined;
  }

  /** @param evidence what to show if it does not hold */
  expect(holds: boolean, message: string, ...evidence: readonly unknown[]): void {
    this.#examined += 1;
    if (!holds) this.violations.push({ message, evidence: evidence.filter((each) => each !== undefined) });
  }
}
