import type { LeaveListener, Leaving } from "../dispatch/poll.js";

/** Whether the caller of one exchange has gone; an `AbortSignal` only for those who ask for one. */
export class Departure implements Leaving {
  #reason: Error | undefined;
  #listeners: LeaveListener[] | undefined;
  #controller: AbortController | undefined;

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  addEventListener(_type: "abort", listener: LeaveListener): void {
    if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: LeaveListener): void {
    const index = this.#listeners?.indexOf(listener) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }

  /** It has. Told once. */
  happen(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const listener of [...(this.#listeners ?? [])]) listener.handleEvent();
  }
}
