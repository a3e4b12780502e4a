import { progressBar } from "../../src/cli/progress-bar.js";
import { progressText } from "./report.js";
import type { Tally } from "./tally.js";

/** How often the bar is drawn anew. */
const drawEveryMs = 500;

/** On a terminal: a bar that goes on within a round too. */
export class BarOfRounds {
  readonly #bar = progressBar({ stderr: process.stderr, env: process.env });
  readonly #loadMs: number;
  readonly #timer: NodeJS.Timeout;
  #now: { readonly tally: Tally; readonly leftMs: number; readonly sinceMs: number } | undefined;

  /** @param loadMs of all rounds */
  constructor(loadMs: number) {
    this.#loadMs = loadMs;
    this.#timer = setInterval(() => this.#draw(), drawEveryMs);
  }

  progress(tally: Tally, leftMs: number): void {
    this.#now = { tally, leftMs, sinceMs: performance.now() };
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#bar.clear();
  }

  #draw(): void {
    if (this.#now === undefined) return;
    const { tally, leftMs, sinceMs } = this.#now;
    const doneMs = this.#loadMs - leftMs + (performance.now() - sinceMs);
    this.#bar.draw(doneMs / this.#loadMs, progressText(tally));
  }
}

/** Elsewhere: a line when a round is over. */
export class LineOfRound {
  progress(tally: Tally): void {
    if (tally.rounds > 0) console.error(progressText(tally));
  }

  end(): void {}
}
