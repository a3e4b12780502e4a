import type { NewEvent } from "../../dispatch/event.js";
import type { Compiled } from "./compiled.js";

/**
 * The events of a transaction, written in few statements: each statement looks up and writes back the last id, whatever
 * number of rows it adds.
 */
export class EventWriter {
  readonly #one: Compiled;
  readonly #many: Compiled;
  readonly #perStatement: number;
  #waiting: NewEvent[] = [];

  /**
   * @param one adds one event
   * @param many adds several: the placeholders of `one`, repeated
   */
  constructor(one: Compiled, many: Compiled) {
    this.#one = one;
    this.#many = many;
    this.#perStatement = many.names.length / one.names.length;
  }

  add(event: NewEvent): void {
    this.#waiting.push(event);
  }

  /** The last thing that a transaction does. */
  flush(): void {
    const events = this.#waiting;
    if (events.length === 0) return;
    this.#waiting = [];
    const alone = events.length % this.#perStatement;
    for (let i = 0; i < alone; i++) this.#one.runBound(this.#bound(events, i, 1));
    for (let i = alone; i < events.length; i += this.#perStatement) {
      this.#many.runBound(this.#bound(events, i, this.#perStatement));
    }
  }

  /** After a transaction that came to nothing. */
  forget(): void {
    this.#waiting = [];
  }

  #bound(events: readonly NewEvent[], first: number, count: number): unknown[] {
    const bound: unknown[] = [];
    for (let i = first; i < first + count; i++) {
      const event = events[i];
      if (event !== undefined) for (const name of this.#one.names) bound.push(Reflect.get(event, name));
    }
    return bound;
  }
}
