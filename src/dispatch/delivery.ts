import type { Taken } from "./dispatch.js";
import type { Note } from "./event.js";
import { type Instant, instantFromMs, instantToMs } from "./instant.js";
import type { TakeTerms } from "./lease.js";
import type { Step } from "./life.js";
import type { Meter } from "./meter.js";
import type { Origin } from "./origin.js";
import type { Clock } from "./ports.js";

/** Who hears of what becomes of deliveries: the same for all of them. */
export interface DeliveryContext {
  readonly clock: Clock;
  readonly apply: (step: Step) => void;
  readonly note: (note: Note) => void;
  readonly meter: Meter;
}

/** How receipt of an answer was proven: by what a client can only send, or answer, once it has read it. */
export type Proof = "the next request on the connection" | "a PING answered after it";

/** One dispatch on its way to its agent, from the hand-out to what is known of its receipt. */
export class Delivery {
  readonly #context: DeliveryContext;
  readonly #taken: Taken;
  readonly #origin: Origin;
  /** Absent where the take asked for a lease, or for no proof. */
  readonly received: ((proof: Proof) => void) | undefined;

  /**
   * @param terms on which it was taken
   * @param origin of the poll that it was handed to
   */
  constructor(context: DeliveryContext, taken: Taken, terms: TakeTerms, origin: Origin) {
    this.#context = context;
    this.#taken = taken;
    this.#origin = origin;
    this.received = terms.kind === "confirmed" ? (proof) => this.#confirm(proof) : undefined;
  }

  #confirm(proof: Proof): void {
    this.#context.apply({ kind: "confirm", take: this.#taken.take, origin: this.#origin, proof });
  }

  /** The answer provably did not leave. */
  lost(): void {
    this.#context.meter.lost(this.#origin.wire);
    this.#context.apply({ kind: "giveBack", take: this.#taken.take });
  }

  /** The answer has been handed to the operating system whole. No proof of receipt: the peer may have vanished. */
  flushed(): void {
    const { clock, meter, note } = this.#context;
    const taken = this.#taken;
    const { hostname, rolloutId, attempt } = taken.take;
    const nowMs = clock.nowMs();
    const at: Instant = instantFromMs(nowMs);
    const sinceKickMs = taken.kickedAtMs === undefined ? undefined : clock.monotonicMs() - taken.kickedAtMs;
    const { actor, address, wire } = this.#origin;
    meter.flushed(wire, nowMs - instantToMs(taken.dispatch.enqueuedAt), sinceKickMs);
    // In words, as `seen`: a spread costs more than the rest.
    note({
      at,
      hostname,
      rolloutId,
      kind: "flushed",
      attempt,
      actor,
      address,
      wire,
      detail: "",
      parkedMs: null,
      changeId: taken.eventId,
    });
  }
}
