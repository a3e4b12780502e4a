import { Deadlines } from "./deadlines.js";
import type { TakeKey, Taken } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import { gather } from "./gather.js";
import type { Hostname } from "./hostname.js";
import { Later } from "./later.js";
import { type Meter, noMeter } from "./meter.js";
import { Parking } from "./parking.js";
import { Poll, type PollOwner, type PollRequest } from "./poll.js";
import type { Clock, DispatchStore, DueReceipt, FailPoint, Log, Random, TakeReceipt, TakeWant } from "./ports.js";

export interface AgentPollsOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly failPoint: FailPoint;
  /** What was taken, but cannot be handed out. */
  readonly giveBack: (take: TakeKey) => void;
  /** What a take has found due besides. */
  readonly onDue: (due: DueReceipt) => void;
  /** How many polls of one host may be parked; one more ends the oldest. */
  readonly pollsPerHost: number;
  /** Default: none. */
  readonly meter?: Meter;
}

/**
 * Hosts per transaction. Measured on SQLite with 20,000 rows and synchronous=FULL: 4,700 takes/s one by one, 17,600 in
 * batches of 16, 26,900 in batches of 256, which holds the event loop for about 10 ms.
 */
const maxHostsPerTake = 256;

/** Hosts that are handed something as it is enqueued: another 10 ms on top of an enqueue of as many. */
const maxHostsPerEnqueue = 1_000;

/**
 * The polls of all agents, and the only place that takes from the store.
 *
 * - A poll registers itself first and is looked up second, so no enqueue can fall between.
 * - A kick names hosts, and only their polls cost anything.
 * - What falls due in one turn of the event loop, or in a burst over several, goes to the store as one batch. One batch is under
 *   way at a time; what falls due meanwhile is the next one.
 * - The row is the truth and the kick a hint: `sweep` looks again for everybody who is parked.
 */
export class AgentPolls implements PollOwner {
  readonly #options: AgentPollsOptions;
  readonly #polls = new Parking();
  readonly #deadlines: Deadlines;
  /** Each with when it was kicked, by the monotonic clock; `undefined` if it is only looked up. */
  readonly #due = new Map<Hostname, number | undefined>();
  /** Hosts that are looked up because it is time to. With many of them they fill several batches, and nobody waits for those. */
  readonly #swept = new Set<Hostname>();
  readonly #meter: Meter;
  /** A batch is under way, or will be in the next turn. */
  #taking = false;
  /** The store is at it. */
  #isAtStore = false;
  #takeUnderWay: Promise<void> = Promise.resolve();
  #draining = false;

  constructor(options: AgentPollsOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#meter = options.meter ?? noMeter;
  }

  /** How many polls wait now. */
  get size(): number {
    return this.#polls.size;
  }

  /** Of how many hosts. */
  get hosts(): number {
    return this.#polls.hostCount;
  }

  /**
   * The oldest dispatch of the host, as soon as there is one, or `undefined` if none came within the wait.
   *
   * @throws DispatchError `superfluous_poll`, `draining`, `gone`, what `assertAllowed` throws, or the store's error
   */
  poll(request: PollRequest): PromiseLike<Taken | undefined> {
    if (this.#draining) return Later.rejected(this.#drainingError());
    const nowMs = this.#options.clock.monotonicMs();
    const poll = new Poll(request, nowMs, this);
    this.#polls.add(poll);
    if (request.waitMs > 0) this.#deadlines.add(poll, request.waitMs, nowMs);
    this.#fallDue(request.hostname, undefined);
    return poll.outcome;
  }

  pollEnded(poll: Poll): void {
    this.#polls.remove(poll);
    this.#deadlines.remove(poll);
  }

  /** There may be something for these hosts. Costs nothing for the ones that have no poll here. */
  kick(hostnames: Iterable<Hostname>): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const hostname of hostnames) if (this.#polls.has(hostname)) this.#fallDue(hostname, nowMs);
  }

  /**
   * For an enqueue that is about to be committed: asks for what the polls of these hosts would take along with it, if no
   * take is under way.
   *
   * @param commit one transaction; what it returns as `taken` is handed out. `undefined`: it has done nothing
   * @returns what `commit` returns, or `undefined` if there is nobody to take
   */
  async takeAlong<Result extends { readonly taken: TakeReceipt["taken"] }>(
    hostnames: Iterable<Hostname>,
    commit: (wants: readonly TakeWant[]) => Promise<Result | undefined>,
  ): Promise<Result | undefined> {
    if (this.#isAtStore) return undefined;
    const startedMs = this.#options.clock.monotonicMs();
    const looks = this.#looksFor(hostnames, startedMs);
    if (looks.length === 0) return undefined;
    this.#isAtStore = true;
    try {
      const result = await commit(looks.map((look) => wantOf(look, startedMs)));
      if (result === undefined) return undefined;
      this.#options.failPoint("take-committed");
      for (const [i, look] of looks.entries()) this.#handOut(look, result.taken[i] ?? []);
      this.#meter.tookBatch(looks.length, this.#options.clock.monotonicMs() - startedMs);
      return result;
    } finally {
      this.#isAtStore = false;
    }
  }

  /** Looks again for every parked host, behind those that somebody has kicked meanwhile. */
  sweep(): void {
    this.#polls.forgetIdle();
    for (const hostname of this.#polls.hosts()) this.#swept.add(hostname);
    if (!this.#taking && this.#swept.size > 0) this.#scheduleTake();
  }

  /** The polls of a host that wait now: how many, and for how long the longest. */
  parked(hostname: Hostname): { readonly polls: number; readonly longestMs: number } {
    const nowMs = this.#options.clock.monotonicMs();
    const parked = this.#polls.newestFirst(hostname, isParked);
    return { polls: parked.length, longestMs: Math.max(0, ...parked.map((poll) => poll.ageMs(nowMs))) };
  }

  /** Every host with polls that wait now, and how many. */
  parkedHosts(): ReadonlyMap<Hostname, number> {
    const counts = new Map<Hostname, number>();
    for (const { hostname, state } of this.#polls.all()) {
      if (state === "parked") counts.set(hostname, (counts.get(hostname) ?? 0) + 1);
    }
    return counts;
  }

  /** From now on every poll, parked or new, ends with `draining`. */
  drain(): void {
    this.#draining = true;
    for (const poll of this.#polls.all()) poll.fail(this.#drainingError());
  }

  /** Resolves once no take is under way. */
  async settled(): Promise<void> {
    await this.#takeUnderWay;
  }

  #fallDue(hostname: Hostname, kickedAtMs: number | undefined): void {
    // The first of several kicks is the one that a poll has been waiting since.
    this.#due.set(hostname, this.#due.get(hostname) ?? kickedAtMs);
    if (!this.#taking) this.#scheduleTake();
  }

  #scheduleTake(): void {
    this.#taking = true;
    gather(this.#options.clock, { count: () => this.#due.size, enough: maxHostsPerTake }, () => {
      this.#takeUnderWay = this.#take();
    });
  }

  async #take(): Promise<void> {
    // An enqueue that takes along what it brings.
    if (this.#isAtStore) return this.#scheduleTake();
    this.#isAtStore = true;
    const startedMs = this.#options.clock.monotonicMs();
    const looks = this.#nextLooks();
    const wants = looks.map((look) => wantOf(look, startedMs));
    try {
      if (wants.length > 0) {
        const { taken, due } = await this.#options.store.take(wants);
        this.#options.failPoint("take-committed");
        for (const [i, look] of looks.entries()) this.#handOut(look, taken[i] ?? []);
        this.#options.onDue(due);
        this.#meter.tookBatch(looks.length, this.#options.clock.monotonicMs() - startedMs);
      }
    } catch (error) {
      this.#takeFailed(looks, error);
    }
    this.#isAtStore = false;
    this.#taking = false;
    if (this.#due.size + this.#swept.size > 0) this.#scheduleTake();
  }

  #nextLooks(): Look[] {
    const looks: Look[] = [];
    for (const [hostname, kickedAtMs] of this.#nextDue()) {
      const polls = this.#polls.newestFirst(hostname, mayReceive);
      if (polls.length > 0) looks.push({ hostname, polls, kickedAtMs });
      if (looks.length === maxHostsPerTake) break;
    }
    return looks;
  }

  #looksFor(hostnames: Iterable<Hostname>, kickedAtMs: number): Look[] {
    const looks: Look[] = [];
    for (const hostname of hostnames) {
      const polls = this.#polls.newestFirst(hostname, (poll) => isParked(poll) && mayReceive(poll));
      if (polls.length > 0) looks.push({ hostname, polls, kickedAtMs });
      if (looks.length === maxHostsPerEnqueue) break;
    }
    return looks;
  }

  *#nextDue(): Generator<readonly [Hostname, number | undefined]> {
    for (const due of this.#due) {
      this.#due.delete(due[0]);
      this.#swept.delete(due[0]);
      yield due;
    }
    for (const hostname of this.#swept) {
      this.#swept.delete(hostname);
      yield [hostname, undefined];
    }
  }

  #handOut({ hostname, polls, kickedAtMs }: Look, taken: readonly Taken[]): void {
    for (const [i, one] of taken.entries()) {
      const poll = polls[i];
      const isWoken = kickedAtMs !== undefined && poll?.state === "parked";
      const handed = isWoken ? wokenWith(one, kickedAtMs) : one;
      if (poll?.mayReceive() !== true || !poll.deliver(handed)) this.#options.giveBack(one.take);
    }
    for (const poll of polls) if (poll.foundNothing()) this.#options.log.debug({ hostname }, "parked");
    this.#endSuperfluous(hostname);
  }

  #endSuperfluous(hostname: Hostname): void {
    if (this.#polls.count(hostname) <= this.#options.pollsPerHost) return;
    const parked = this.#polls.newestFirst(hostname, isParked);
    for (const poll of parked.slice(this.#options.pollsPerHost)) {
      // A 204 would make two live agents with one certificate push each other out in a hot loop.
      const retryAfterSeconds = 5 + Math.floor(this.#options.random() * 10);
      poll.fail(
        new DispatchError("superfluous_poll", `more than ${this.#options.pollsPerHost} polls of this host are parked`, {
          retryAfterSeconds,
        }),
      );
    }
  }

  #takeFailed(looks: readonly Look[], thrown: unknown): void {
    const error = DispatchError.from(thrown);
    this.#options.log.error({ err: thrown, hosts: looks.length }, "take failed; nothing was handed out");
    for (const poll of looks.flatMap((look) => look.polls)) {
      // A store that is only away comes back: who is parked already can wait for the sweep.
      if (error.reason !== "store_unavailable" || poll.state === "looking") poll.fail(error);
    }
  }

  #drainingError(): DispatchError {
    // Spread, so that the fleet does not come back in one instant.
    const retryAfterSeconds = 1 + Math.floor(this.#options.random() * 10);
    return new DispatchError("draining", "the server is shutting down", { retryAfterSeconds });
  }
}

function wantOf({ hostname, polls }: Look, nowMs: number): TakeWant {
  return { hostname, takers: polls.map((poll) => poll.taker(nowMs)) };
}

/** In words, since a spread costs more than the rest of a hand-out. */
function wokenWith({ dispatch, take, lease, eventId }: Taken, kickedAtMs: number): Taken {
  return { dispatch, take, lease, eventId, kickedAtMs };
}

function isParked({ state }: Poll): boolean {
  return state === "parked";
}

function mayReceive(poll: Poll): boolean {
  return poll.mayReceive();
}

/** One host's part in one batch: the polls that it was asked for, newest first. */
interface Look {
  readonly hostname: Hostname;
  readonly polls: readonly Poll[];
  readonly kickedAtMs: number | undefined;
}
