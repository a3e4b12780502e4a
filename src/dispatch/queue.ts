import { AgentPolls } from "./agent-polls.js";
import { BatchedNotes } from "./batched-notes.js";
import { Bell } from "./bell.js";
import { Canceller } from "./canceller.js";
import { Delivery } from "./delivery.js";
import type { Taken } from "./dispatch.js";
import { DueWatch } from "./due-watch.js";
import { Enqueuer } from "./enqueuer.js";
import { EventWatch } from "./event-watch.js";
import type { Hostname } from "./hostname.js";
import { type Instant, instantFromMs } from "./instant.js";
import type { TakeTerms } from "./lease.js";
import { type Meter, noMeter } from "./meter.js";
import { metered } from "./metered-store.js";
import type { Origin } from "./origin.js";
import type { Cancel, Clock, DispatchStore, FailPoint, HostSeen, Log, Random } from "./ports.js";
import { Pruner } from "./pruner.js";
import { ringing } from "./ringing-store.js";
import { Steps } from "./steps.js";

export interface QueueOptions {
  readonly store: DispatchStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly failPoint: FailPoint;
  readonly pollsPerHost: number;
  /** How often parked hosts are looked up although nobody kicked them. */
  readonly sweepMs: number;
  /** On what terms a poll takes that asks for no lease. */
  readonly plainTerms: TakeTerms;
  /** How long history, and what is done, is kept. */
  readonly retainMs: number;
  /** Default: none. */
  readonly meter?: Meter;
}

/** The queue as a whole: the way in, the way out, what follows, and the store behind all of them. */
export class Queue {
  readonly polls: AgentPolls;
  readonly enqueuer: Enqueuer;
  readonly steps: Steps;
  readonly canceller: Canceller;
  readonly events: EventWatch;
  /** For reading: whoever writes goes through the parts above. */
  readonly store: DispatchStore;
  readonly plainTerms: TakeTerms;
  readonly #options: Required<QueueOptions>;
  readonly #dueWatch: DueWatch;
  readonly #notes: BatchedNotes;
  readonly #pruner: Pruner;
  #cancelSweep: Cancel = () => undefined;

  constructor(given: QueueOptions) {
    const bell = new Bell();
    const { meter = noMeter } = given;
    const store = ringing(metered(given.store, meter, given.clock), bell);
    const options = { ...given, meter, store };
    const { clock, log } = options;
    this.#options = options;
    this.store = store;
    this.events = new EventWatch({ store, bell });
    this.plainTerms = options.plainTerms;
    const kick = (hostnames: Iterable<Hostname>) => this.polls.kick(hostnames);
    const onTimed = () => this.#dueWatch.look();
    this.#notes = new BatchedNotes({ store, clock, log });
    this.#pruner = new Pruner(options);
    this.#dueWatch = new DueWatch({ store, clock, log, kick });
    this.steps = new Steps({ ...options, kick, onTimed });
    this.canceller = new Canceller(store, this.steps);
    this.polls = new AgentPolls({
      ...options,
      giveBack: (take) => this.steps.applyLater({ kind: "giveBack", take }),
      onDue: (due) => this.#dueWatch.heard(due),
    });
    this.enqueuer = new Enqueuer({ ...options, polls: this.polls, kick, onTimed });
    // What fell due while the server was away.
    this.#dueWatch.look();
    this.#sweepLater();
  }

  /** A dispatch that a poll was handed, to be followed until it has arrived or come back. */
  delivery(taken: Taken, terms: TakeTerms, origin: Origin): Delivery {
    const { clock, meter } = this.#options;
    return new Delivery({
      taken,
      terms,
      origin,
      clock,
      meter,
      apply: (step) => this.steps.applyLater(step),
      note: (event) => this.#notes.event(event),
    });
  }

  /** A host has polled. */
  seen(host: Omit<HostSeen, "lastSeenAt">): void {
    this.#notes.seen({ ...host, lastSeenAt: this.#now() });
  }

  /** What is known of a host, and who waits here for it now. */
  async presence(hostname: Hostname): Promise<Presence> {
    return this.presenceOf(hostname, await this.store.findHost(hostname));
  }

  /** The same, for what the store says of it already. */
  presenceOf(hostname: Hostname, kept: HostSeen | undefined): Presence {
    const seen = this.#notes.unwritten(hostname) ?? kept;
    const { polls, longestMs } = this.polls.parked(hostname);
    const parkedSince = polls === 0 ? undefined : instantFromMs(this.#options.clock.nowMs() - longestMs);
    return { hostname, seen, parkedPolls: polls, parkedSince };
  }

  /** Resolves if takes and enqueues could be served just now. */
  check(): Promise<void> {
    return this.store.check();
  }

  /** From now on nothing new comes in and every poll is ended. */
  drain(): void {
    this.#cancelSweep();
    this.enqueuer.drain();
    this.events.drain();
    this.polls.drain();
  }

  /** To be called when the last answer is out or given up: puts back what did not leave, then closes the store. */
  async close(): Promise<void> {
    this.#cancelSweep();
    await Promise.all([this.#dueWatch.stop(), this.#pruner.stop()]);
    await this.polls.settled();
    await this.steps.settled();
    await this.#notes.close();
    await this.store.close();
  }

  #now(): Instant {
    return instantFromMs(this.#options.clock.nowMs());
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.after(this.#options.sweepMs, () => {
      this.polls.sweep();
      this.#sweepLater();
    });
  }
}

export interface Presence {
  readonly hostname: Hostname;
  /** `undefined` if it has never polled. */
  readonly seen: HostSeen | undefined;
  readonly parkedPolls: number;
  /** Since when the longest of them waits. */
  readonly parkedSince: Instant | undefined;
}
