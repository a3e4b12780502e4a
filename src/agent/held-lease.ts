import type { Attempt, Connection } from "./connection.js";
import type { Dispatch } from "./dispatch.js";
import type { AgentError } from "./errors.js";
import type { LeaseCall } from "./events.js";
import { assertLeaseSeconds, type Lease } from "./lease.js";
import { callUntilLeaseEnds } from "./lease-call.js";
import type { Line } from "./line.js";
import type { LoopOptions } from "./options.js";
import { truncateReason } from "./reason.js";

export interface Holding {
  readonly dispatch: Dispatch;
  /** Has just come. */
  readonly lease: Lease;
  /** How long it was asked for. */
  readonly leaseSeconds: number;
  readonly line: Line;
  readonly options: LoopOptions;
}

export interface CallSettings {
  readonly signal?: AbortSignal | undefined;
  /** Default: what the server has decided and, with `failFast`, what another certificate or option would be needed for. */
  readonly isFinal?: (error: AgentError) => boolean;
  readonly onFailure?: (error: AgentError) => void;
}

/** One attempt may take a quarter of the lease, so that there can be several, within these bounds. */
const minTimeoutMs = 1_000;
const maxTimeoutMs = 10_000;

/** A lease from its arrival on, and what can be said under it. */
export class HeldLease {
  readonly #holding: Holding;
  readonly #attempt: Attempt;
  #lease: Lease;
  /** By the monotonic clock. */
  #endsAtMs: number;

  constructor(holding: Holding) {
    const { dispatch, lease, leaseSeconds, options } = holding;
    this.#holding = holding;
    this.#attempt = { rolloutId: dispatch.rolloutId, leaseToken: lease.token };
    this.#lease = lease;
    this.#endsAtMs = options.clock.monotonic() + leaseSeconds * 1_000;
  }

  get lease(): Lease {
    return this.#lease;
  }

  /** In milliseconds, 0 once it has ended. */
  get leftMs(): number {
    return Math.max(this.#endsAtMs - this.#holding.options.clock.monotonic(), 0);
  }

  acknowledge(settings?: CallSettings): Promise<void> {
    return this.#call("acknowledge", (connection, signal) => connection.acknowledge(this.#attempt, signal), settings);
  }

  reject(reason: string, settings?: CallSettings): Promise<void> {
    const text = truncateReason(reason);
    return this.#call("reject", (connection, signal) => connection.reject(this.#attempt, text, signal), settings);
  }

  async extend(seconds = this.#holding.leaseSeconds, settings?: CallSettings): Promise<Lease> {
    assertLeaseSeconds(seconds, "seconds");
    const { clock } = this.#holding.options;
    return await this.#call(
      "extend",
      async (connection, signal) => {
        // The server starts the lease anew between the request and its answer, so counted from here it surely holds.
        const askedAtMs = clock.monotonic();
        this.#lease = await connection.extend(this.#attempt, seconds, signal);
        this.#endsAtMs = askedAtMs + seconds * 1_000;
        return this.#lease;
      },
      settings,
    );
  }

  #call<T>(
    call: LeaseCall,
    run: (connection: Connection, signal: AbortSignal) => Promise<T>,
    { signal, isFinal, onFailure }: CallSettings = {},
  ): Promise<T> {
    const { dispatch, leaseSeconds, line, options } = this.#holding;
    return callUntilLeaseEnds(line, options, {
      call,
      dispatch,
      run,
      signal,
      ms: Math.min(Math.max((leaseSeconds * 1_000) / 4, minTimeoutMs), maxTimeoutMs),
      leftMs: () => this.leftMs,
      isFinal: isFinal ?? ((error) => error.isVerdict || (options.failFast && error.isFinal)),
      onFailure: onFailure ?? (() => undefined),
    });
  }
}
