/** The fields of a JSON object from the wire, by name. @throws TypeError naming the field and what is wrong with it */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  /** Where the object lies in a larger one, for messages: `lease.`. */
  readonly #prefix: string;

  constructor(json: unknown, prefix = "") {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw new TypeError(`${prefix === "" ? "it" : prefix.slice(0, -1)} is no JSON object`);
    }
    this.#values = new Map<string, unknown>(Object.entries(json));
    this.#prefix = prefix;
  }

  object(name: string): Fields {
    const value = this.#values.get(name);
    if (value === undefined) throw this.#wrong(name, "is missing");
    return new Fields(value, `${this.#prefix}${name}.`);
  }

  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value === "string" && value !== "") return value;
    throw this.#wrong(name, value === undefined ? "is missing" : "is not a non-empty string");
  }

  instant(name: string): string {
    const value = this.text(name);
    if (instantPattern.test(value) && !Number.isNaN(Date.parse(value))) return value;
    throw this.#wrong(name, "is not an RFC 3339 instant in UTC");
  }

  /** From 1. */
  count(name: string): number {
    const value = this.#values.get(name);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
    throw this.#wrong(name, value === undefined ? "is missing" : "is not a whole number from 1");
  }

  #wrong(name: string, what: string): TypeError {
    return new TypeError(`${this.#prefix}${name} ${what}`);
  }
}

const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(?:\d{3}|\d{6}|\d{9}))?Z$/;
