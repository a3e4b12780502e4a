import type { Cancel, Clock } from "./ports.js";
import { endGridMs } from "./wait.js";

/** What ends by the passing of time, unless it has ended before. */
export interface Waiting {
  /** Set while it waits, and by `Deadlines` only. */
  place: Place | undefined;
  giveUp(): void;
}

/** Where something waits: in the list of all that end at the same moment. */
export interface Place {
  readonly moment: Moment;
  index: number;
}

interface Moment {
  readonly atMs: number;
  readonly waiting: Waiting[];
  readonly cancel: Cancel;
}

/**
 * The ends of many waits, with one timer for all that end at about the same time. A timer for each would be as much memory as
 * the poll itself, and a fleet's worth of them wakes the process a hundred times a second for one poll each.
 */
export class Deadlines {
  readonly #clock: Pick<Clock, "after">;
  readonly #moments = new Map<number, Moment>();

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** It gives up `waitMs` from now, and so much later as is `endGridMs(waitMs)` at most. */
  add(waiting: Waiting, waitMs: number, nowMs: number): void {
    const gridMs = endGridMs(waitMs);
    const atMs = Math.ceil((nowMs + waitMs) / gridMs) * gridMs;
    const moment = this.#moments.get(atMs) ?? this.#begin(atMs, atMs - nowMs);
    waiting.place = { moment, index: moment.waiting.length };
    moment.waiting.push(waiting);
  }

  /** For what has ended before its time. Does nothing for what does not wait (any more). */
  remove(waiting: Waiting): void {
    const { place } = waiting;
    if (place === undefined) return;
    waiting.place = undefined;
    const { moment, index } = place;
    const last = moment.waiting.pop();
    // The last one takes the place that has become free.
    if (last !== undefined && last !== waiting && last.place !== undefined) {
      moment.waiting[index] = last;
      last.place.index = index;
    }
    if (moment.waiting.length > 0) return;
    moment.cancel();
    this.#moments.delete(moment.atMs);
  }

  #begin(atMs: number, inMs: number): Moment {
    const cancel = this.#clock.after(inMs, () => this.#end(moment));
    const moment: Moment = { atMs, waiting: [], cancel };
    this.#moments.set(atMs, moment);
    return moment;
  }

  #end(moment: Moment): void {
    this.#moments.delete(moment.atMs);
    for (const waiting of moment.waiting.splice(0)) {
      waiting.place = undefined;
      waiting.giveUp();
    }
  }
}
