import type { Taken } from "./dispatch.js";
import type { NewEvent } from "./event.js";
import { type Instant, instantFromMs, instantToMs } from "./instant.js";
import type { TakeTerms } from "./lease.js";
import type { Step } from "./life.js";
import { type Meter, noMeter } from "./meter.js";
import type { Origin } from "./origin.js";
import type { Clock } from "./ports.js";

export interface DeliveryOptions {
  readonly taken: Taken;
  readonly terms: TakeTerms;
  readonly origin: Origin;
  readonly clock: Clock;
  readonly apply: (step: Step) => void;
  readonly note: (event: NewEvent) => void;
  /** Default: none. */
  readonly meter?: Meter;
}

/** How receipt of an answer was proven: by what a client can only send, or answer, once it has read it. */
export type Proof = "the next request on the connection" | "a PING answered after it";

/** One dispatch on its way to its agent, from the hand-out to what is known of its receipt. */
export class Delivery {
  readonly #options: DeliveryOptions;
  /** Absent where the take asked for a lease, or for no proof. */
  readonly received: ((proof: Proof) => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { taken, terms, origin, apply } = options;
    this.received =
      terms.kind === "confirmed" ? (proof) => apply({ kind: "confirm", take: taken.take, origin, proof }) : undefined;
  }

  /** The answer provably did not leave. */
  lost(): void {
    const { taken, origin, apply, meter = noMeter } = this.#options;
    meter.lost(origin.wire);
    apply({ kind: "giveBack", take: taken.take });
  }

  /** The answer has been handed to the operating system whole. No proof of receipt: the peer may have vanished. */
  flushed(): void {
    const { taken, origin, clock, meter = noMeter } = this.#options;
    const { hostname, rolloutId, attempt } = taken.take;
    const nowMs = clock.nowMs();
    const at: Instant = instantFromMs(nowMs);
    const sinceKickMs = taken.kickedAtMs === undefined ? undefined : clock.monotonicMs() - taken.kickedAtMs;
    meter.flushed(origin.wire, nowMs - instantToMs(taken.dispatch.enqueuedAt), sinceKickMs);
    const { actor, address, wire } = origin;
    // In words, as `seen`: a spread costs more than the rest.
    this.#options.note({
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
    });
  }
}
