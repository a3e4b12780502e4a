import { afterEach, beforeEach, describe } from "vitest";
import type { EnqueueOutcome, EnqueueResult, NewDispatch, TakeKey, Taken } from "../../src/dispatch/dispatch.js";
import type { DispatchEvent } from "../../src/dispatch/event.js";
import { type Instant, instantFromMs } from "../../src/dispatch/instant.js";
import type { LeaseToken, TakeTerms } from "../../src/dispatch/lease.js";
import type { Step, Taker } from "../../src/dispatch/life.js";
import type { DispatchStore } from "../../src/dispatch/ports.js";
import { group, host, origin, rollout, taker, want } from "../support/dispatches.js";
import type { FakeClock } from "../support/fake-clock.js";
import { type OpenStore, stores } from "./stores.js";

/** Runs the same tests on every store: `driver` is a new, empty one in each test. */
export function describeStores(title: string, body: (driver: () => Driver) => void): void {
  describe.each(Object.entries(stores))(`the %s store ${title}`, (_, open) => {
    let driver: Driver;
    beforeEach(async () => {
      driver = new Driver(await open());
    });
    afterEach(() => driver.close());
    body(() => driver);
  });
}

/** A minute. */
export const lease: TakeTerms = { kind: "lease", leaseMs: 60_000 };
/** Half a minute. */
export const confirmed: TakeTerms = { kind: "confirmed", withinMs: 30_000 };

/** The calls of the port, one dispatch at a time, in the words of the tests. */
export class Driver {
  readonly #opened: OpenStore;

  constructor(opened: OpenStore) {
    this.#opened = opened;
  }

  get store(): DispatchStore {
    return this.#opened.store;
  }

  get clock(): FakeClock {
    return this.#opened.clock;
  }

  /** The wall clock's, so many milliseconds later. */
  instant(inMs = 0): Instant {
    return instantFromMs(this.clock.nowMs() + inMs);
  }

  async enqueue(...dispatches: NewDispatch[]): Promise<EnqueueOutcome[]> {
    const [receipt] = await this.store.enqueue([group(...dispatches)]);
    return receipt?.results.map(({ outcome }) => outcome) ?? [];
  }

  async supersede(...dispatches: NewDispatch[]): Promise<readonly EnqueueResult[]> {
    const [receipt] = await this.store.enqueue([{ ...group(...dispatches), supersede: true }]);
    return receipt?.results ?? [];
  }

  /** What one take gives to these, or to one plain taker. */
  async take(hostname: string, ...takers: Taker[]): Promise<readonly Taken[]> {
    const { taken } = await this.store.take([want(hostname, ...takers)]);
    return taken[0] ?? [];
  }

  /** What a take must give, on these terms or as a plain one. */
  async taken(hostname: string, terms?: TakeTerms): Promise<Taken> {
    const [taken] = await this.take(hostname, taker(terms));
    if (taken === undefined) throw new Error(`nothing was there for ${hostname}`);
    return taken;
  }

  /** `done`, `nothing` if there was nothing to do, or the reason of the error. */
  async apply(step: Step): Promise<string> {
    const [result] = await this.store.apply([step]);
    if (result === undefined) throw new Error("no result");
    if (!result.ok) return result.error.reason;
    return result.change === undefined ? "nothing" : "done";
  }

  /** As the agent that took it would, unless another token is given. */
  acknowledge({ take, lease: held }: Taken, token = held?.token): Promise<string> {
    return this.apply({ kind: "acknowledge", ...keyOf(take), token, origin: origin("agent") });
  }

  reject({ take, lease: held }: Taken, reason = "it broke", token = held?.token): Promise<string> {
    return this.apply({ kind: "reject", ...keyOf(take), reason, token, origin: origin("agent") });
  }

  extend(taken: Taken, leaseMs: number, token: LeaseToken = tokenOf(taken)): Promise<string> {
    return this.apply({ kind: "extend", ...keyOf(taken.take), leaseMs, token, origin: origin("agent") });
  }

  giveBack({ take }: Taken): Promise<string> {
    return this.apply({ kind: "giveBack", take });
  }

  confirm({ take }: Taken): Promise<string> {
    return this.apply({ kind: "confirm", take, origin: origin("agent"), proof: "a PING answered after it" });
  }

  cancel(hostname: string, rolloutId?: string): Promise<string> {
    return this.apply({ kind: "cancel", ...key(hostname, rolloutId), origin: origin(), reason: "not now" });
  }

  /** Its state, as it is kept. */
  async state(hostname: string, rolloutId?: string): Promise<string | undefined> {
    return (await this.store.find(key(hostname, rolloutId)))?.state;
  }

  /** `kind attempt` of each event of a dispatch, oldest first. */
  async history(hostname: string, rolloutId?: string): Promise<string[]> {
    const events = await this.events(hostname, rolloutId);
    return events.map(({ kind, attempt }) => `${kind} ${attempt}`);
  }

  events(hostname: string, rolloutId?: string): Promise<readonly DispatchEvent[]> {
    return this.store.latestEvents(key(hostname, rolloutId), 1_000);
  }

  close(): Promise<void> {
    return this.#opened.close();
  }
}

export function key(hostname: string, rolloutId = "stable@a1b2c3d4") {
  return { hostname: host(hostname), rolloutId: rollout(rolloutId) };
}

export function rolloutsOf(taken: readonly Taken[]): string[] {
  return taken.map(({ dispatch }) => dispatch.rolloutId);
}

function keyOf({ hostname, rolloutId }: TakeKey) {
  return { hostname, rolloutId };
}

function tokenOf({ lease: held }: Taken): LeaseToken {
  if (held === undefined) throw new Error("it was taken without a lease");
  return held.token;
}
