import { Counter, type CounterConfiguration } from "prom-client";

/** Counts up. */
export interface Tally {
  inc(by?: number): void;
}

/**
 * A counter whose labels are counted beside it, and put into it when it is read. `inc` of prom-client makes sure of its labels
 * and looks its value up by them, each time: 1.5 µs, of which each answer to an agent would pay three.
 */
export class TalliedCounter {
  readonly #counter: Counter;
  readonly #tallies: PlainTally[] = [];

  constructor(configuration: CounterConfiguration<string>) {
    this.#counter = new Counter({ ...configuration, collect: () => this.#putIn() });
  }

  /** A scrape shows it as 0 from now on: an increase from nothing is one that no alert sees. */
  tally(labels: Readonly<Record<string, string>>): Tally {
    const tally = new PlainTally(labels);
    this.#tallies.push(tally);
    return tally;
  }

  #putIn(): void {
    for (const tally of this.#tallies) this.#counter.inc(tally.labels, tally.take());
  }
}

class PlainTally implements Tally {
  #count = 0;

  constructor(readonly labels: Readonly<Record<string, string>>) {}

  inc(by = 1): void {
    this.#count += by;
  }

  /** What has come together since it was taken last. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}

/** The tallies of one counter by the value of one label. They are made beforehand, so that an event makes no object. */
export class Children {
  readonly #counter: TalliedCounter;
  readonly #label: string;
  readonly #fixed: Readonly<Record<string, string>>;
  readonly #byValue = new Map<string, Tally>();

  /**
   * @param values what is known beforehand; others are added as they come
   * @param fixed the other labels of these tallies
   */
  constructor(
    counter: TalliedCounter,
    label: string,
    values: readonly string[],
    fixed: Readonly<Record<string, string>> = {},
  ) {
    this.#counter = counter;
    this.#label = label;
    this.#fixed = fixed;
    for (const value of values) this.of(value);
  }

  of(value: string): Tally {
    let tally = this.#byValue.get(value);
    if (tally === undefined) {
      tally = this.#counter.tally({ ...this.#fixed, [this.#label]: value });
      this.#byValue.set(value, tally);
    }
    return tally;
  }
}
