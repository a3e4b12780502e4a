/** Things that happen, to be awaited one after the other by a test. */
export class Happenings<T> {
  readonly #items: T[] = [];
  readonly #waiters: ((item: T) => void)[] = [];

  push(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve(item);
  }

  /** What has happened and was not asked for yet. */
  get pending(): readonly T[] {
    return this.#items;
  }
}
