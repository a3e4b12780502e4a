import type { NewEvent, Note } from "../../dispatch/event.js";
import type { CompiledWrite, Values } from "./compiled.js";

/** An event as it stands in the table. */
export interface KeptEvent {
  readonly id: number;
  readonly event: NewEvent;
  /** The last change before it of the same dispatch; `null` for the first. */
  readonly prevId: number | null;
}

/** For the placeholders of the statements that write events. */
export const keptEventValues = {
  id: ({ id }) => id,
  at: ({ event }) => event.at,
  hostname: ({ event }) => event.hostname,
  rolloutId: ({ event }) => event.rolloutId,
  kind: ({ event }) => event.kind,
  attempt: ({ event }) => event.attempt,
  actor: ({ event }) => event.actor,
  address: ({ event }) => event.address,
  wire: ({ event }) => event.wire,
  detail: ({ event }) => event.detail,
  parkedMs: ({ event }) => event.parkedMs,
  prevId: ({ prevId }) => prevId,
} satisfies Values<KeptEvent>;

/** More than are on their way at a time. Beyond it everything is forgotten: what is not known is looked up. */
const maxHandOuts = 100_000;

/**
 * The events of a transaction, written in few statements: each statement looks up and writes back the last id, whatever
 * number of rows it adds. It numbers them itself, so that a row can say which one is its last before they are written.
 */
export class EventWriter {
  readonly #one: CompiledWrite<KeptEvent>;
  readonly #many: readonly CompiledWrite<KeptEvent>[];
  /** The last that is in the table, for good. */
  #keptId: number;
  #lastId: number;
  #waiting: KeptEvent[] = [];
  /**
   * Hand-outs that are the last change of their dispatches, so that a note can be hung on one without a look-up. Wrong in one
   * direction only: of one that is not here nothing is known.
   */
  readonly #lastHandOuts = new Set<number>();

  /**
   * @param one adds one event
   * @param many add several, those first that ask most of them
   * @param lastId no event up to this one is given its number again
   */
  constructor(one: CompiledWrite<KeptEvent>, many: readonly CompiledWrite<KeptEvent>[], lastId: number) {
    this.#one = one;
    this.#many = many;
    this.#keptId = lastId;
    this.#lastId = lastId;
  }

  /** A number for an event that may be added. */
  number(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** @returns its number */
  add(event: NewEvent, prevId: number | null): number {
    const id = this.number();
    this.addNumbered({ id, event, prevId });
    return id;
  }

  /** A change of the row. What it comes after is not the last one any more. */
  addNumbered(kept: KeptEvent): void {
    const { id, event, prevId } = kept;
    this.#waiting.push(kept);
    if (prevId !== null) this.#lastHandOuts.delete(prevId);
    if (event.kind === "delivered" || event.kind === "leased") this.#rememberHandOut(id);
  }

  /**
   * A line that changes no state, and hangs on the last change of its dispatch.
   *
   * @param lookUp finds that; `null`: there is none
   */
  addNote(note: Note, lookUp: (note: Note) => number | null): void {
    const { changeId } = note;
    // Each hand-out has one note at most.
    const isLast = changeId !== undefined && this.#lastHandOuts.delete(changeId);
    this.#waiting.push({ id: this.number(), event: note, prevId: isLast ? changeId : lookUp(note) });
  }

  #rememberHandOut(id: number): void {
    if (this.#lastHandOuts.size >= maxHandOuts) this.#lastHandOuts.clear();
    this.#lastHandOuts.add(id);
  }

  /** The last thing that a transaction does. */
  flush(): void {
    const events = this.#waiting;
    if (events.length === 0) return;
    this.#waiting = [];
    for (let i = 0; i < events.length; ) {
      const statement = this.#many.find((many) => many.fits(events, i)) ?? this.#one;
      if (statement.run(events, i) !== statement.count) throw new Error("an event could not be added");
      i += statement.count;
    }
  }

  /** The transaction is over, and on disk. */
  kept(): void {
    this.#keptId = this.#lastId;
  }

  /** The transaction has come to nothing. */
  forget(): void {
    this.#waiting = [];
    this.#lastHandOuts.clear();
    this.#lastId = this.#keptId;
  }
}
