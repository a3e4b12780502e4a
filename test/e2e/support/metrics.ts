import { type Family, readExposition, valueIn } from "../../support/exposition.js";
import type { TestServer } from "./server.js";

const prefix = "nixfleet_dispatch_";

/** One scrape of a server. */
export class Scrape {
  readonly #families: ReadonlyMap<string, Family>;

  private constructor(readonly text: string) {
    this.#families = readExposition(text);
  }

  static async of(server: TestServer): Promise<Scrape> {
    const response = await fetch(`${server.adminUrl}/metrics`);
    if (response.status !== 200) throw new Error(`/metrics: ${response.status}`);
    return new Scrape(await response.text());
  }

  get families(): ReadonlyMap<string, Family> {
    return this.#families;
  }

  /** Names are written without the program's prefix. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return valueIn(this.#families, prefix + name, labels);
  }

  /** How many observations a histogram has. */
  count(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return valueIn(this.#families, prefix + name, labels, "_count");
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return valueIn(this.#families, prefix + name, labels, "_sum");
  }
}
