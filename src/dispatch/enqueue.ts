import { parseTargetClosure } from "./closure.js";
import type { NewDispatch } from "./dispatch.js";
import { DispatchError, invalid } from "./errors.js";
import { GroupCommit } from "./group-commit.js";
import { type Hostname, parseHostname } from "./hostname.js";
import { type Instant, instantRule } from "./instant.js";
import type { Clock, DispatchStore, EnqueueReceipt } from "./ports.js";
import { parseRolloutId } from "./rollout.js";

/** The most dispatches that one enqueue carries. */
export const maxDispatchesPerEnqueue = 10_000;

/** A dispatch as it came from outside. */
export interface RawDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  /** `undefined` if it was not given, `"out of range"` if it was, but lies outside what an `Instant` can be. */
  readonly soakDueAt: Instant | "out of range" | undefined;
}

/**
 * @param path what stands before the field's name in an error, for example `dispatches[3].`
 * @throws DispatchError `invalid_argument`
 */
export function parseNewDispatch(raw: RawDispatch, path: string): NewDispatch {
  return {
    hostname: parseHostname(raw.hostname, `${path}hostname`),
    rolloutId: parseRolloutId(raw.rolloutId, `${path}rollout_id`),
    targetClosure: parseTargetClosure(raw.targetClosure, `${path}target_closure`),
    soakDueAt: parseSoakDueAt(raw.soakDueAt, `${path}soak_due_at`),
  };
}

function parseSoakDueAt(value: RawDispatch["soakDueAt"], field: string): Instant {
  if (value === undefined) throw invalid(field, "is required");
  if (value === "out of range") throw invalid(field, instantRule);
  return value;
}

/** @throws DispatchError `invalid_argument` for the first field that breaks a rule */
export function parseNewDispatches(raws: readonly RawDispatch[]): NewDispatch[] {
  if (raws.length === 0) throw invalid("dispatches", `must have 1 to ${maxDispatchesPerEnqueue} items, has none`);
  if (raws.length > maxDispatchesPerEnqueue) {
    throw invalid("dispatches", `must have 1 to ${maxDispatchesPerEnqueue} items, has ${raws.length}`);
  }
  return raws.map((raw, i) => parseNewDispatch(raw, `dispatches[${i}].`));
}

export interface EnqueueOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  /** Called after the commit with the hosts that have something new. */
  readonly kick: (hostnames: Iterable<Hostname>) => void;
}

/** The way into the queue. Enqueues of one turn of the event loop share a transaction. */
export class Enqueuer {
  readonly #commits: GroupCommit<readonly NewDispatch[], EnqueueReceipt>;
  readonly #kick: EnqueueOptions["kick"];
  #draining = false;

  constructor({ store, clock, kick }: EnqueueOptions) {
    this.#kick = kick;
    this.#commits = new GroupCommit({
      commit: (groups) => store.enqueue(groups),
      clock,
      weigh: (group) => group.length,
      maxWeight: maxDispatchesPerEnqueue,
    });
  }

  /**
   * All of them or none. When it resolves they are on disk and their hosts' polls are on their way.
   *
   * @throws DispatchError `draining`, or the store's error
   */
  async enqueue(dispatches: readonly NewDispatch[]): Promise<EnqueueReceipt> {
    if (this.#draining) throw new DispatchError("draining", "the server is shutting down", { retryAfterSeconds: 5 });
    const receipt = await this.#commits.add(dispatches);
    this.#kick(new Set(dispatches.map((dispatch) => dispatch.hostname)));
    return receipt;
  }

  /** From now on every new enqueue is refused; those under way finish. */
  drain(): void {
    this.#draining = true;
  }
}
