import type { LeaveListener, Leaving } from "../dispatch/poll.js";

/** Whether the caller of one exchange has gone; an `AbortSignal` only for those who ask for one. */
export class Departure implements Leaving {
  #reason: Error | undefined;
  /** Hardly any has more than one, and a fleet's worth of lists is memory. */
  #listener: LeaveListener | undefined;
  #others: LeaveListener[] | undefined;
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
    if (this.#listener === undefined) this.#listener = listener;
    else this.#others = [...(this.#others ?? []), listener];
  }

  removeEventListener(_type: "abort", listener: LeaveListener): void {
    if (this.#listener === listener) this.#listener = undefined;
    else this.#others = this.#others?.filter((other) => other !== listener);
  }

  /** It has. Told once. */
  happen(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
    const others = this.#others ?? [];
    this.#listener?.handleEvent();
    for (const listener of others) listener.handleEvent();
  }
}
