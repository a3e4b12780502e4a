import type { Counter } from "prom-client";

/**
 * The counters of one metric by the value of one label. They are made beforehand, so that an event makes no object and a
 * scrape shows what has not happened yet as 0: an increase from nothing is one that no alert sees.
 */
export class Children {
  readonly #counter: Counter;
  readonly #label: string;
  readonly #fixed: Readonly<Record<string, string>>;
  readonly #byValue = new Map<string, Counter.Internal>();

  /**
   * @param values what is known beforehand; others are added as they come
   * @param fixed the other labels of these counters
   */
  constructor(
    counter: Counter,
    label: string,
    values: readonly string[],
    fixed: Readonly<Record<string, string>> = {},
  ) {
    this.#counter = counter;
    this.#label = label;
    this.#fixed = fixed;
    for (const value of values) this.of(value).inc(0);
  }

  of(value: string): Counter.Internal {
    let child = this.#byValue.get(value);
    if (child === undefined) {
      child = this.#counter.labels({ ...this.#fixed, [this.#label]: value });
      this.#byValue.set(value, child);
    }
    return child;
  }
}
