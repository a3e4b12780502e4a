import { AgentPolls } from "./agent-polls.js";
import { BatchedNotes } from "./batched-notes.js";
import { Bell } from "./bell.js";
import { Canceller } from "./canceller.js";
import { Delivery, type DeliveryContext } from "./delivery.js";
import type { Taken } from "./dispatch.js";
import { DueWatch } from "./due-watch.js";
import { Enqueuer } from "./enqueuer.js";
import { EventWatch } from "./event-watch.js";
import type { Hostname } from "./hostname.js";
import { type Instant, instantFromMs } from "./instant.js";
import type { TakeTerms } from "./lease.js";
import type { Step } from "./life.js";
import { type Meter, noMeter } from "./meter.js";
import { metered } from "./metered-store.js";
import type { Neighbours, ParkedAt } from "./neighbours.js";
import type { Origin } from "./origin.js";
import { ParkedNotes } from "./parked-notes.js";
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
  /** What this server is called among others. Default: `this server`. */
  readonly serverName?: string;
  /** The other servers on the same database. Default: none. */
  readonly neighbours?: Neighbours | undefined;
}

/** With other servers about: a look at what is due is so often, in case the one that would have looked has died. */
const lookForOthersMs = 2_000;

/** What another server writes into the history is looked for so often, as long as somebody watches. */
const ringForOthersMs = 500;

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
  readonly #options: QueueOptions & Required<Pick<QueueOptions, "meter">>;
  readonly #dueWatch: DueWatch;
  readonly #notes: BatchedNotes;
  readonly #deliveryContext: DeliveryContext;
  readonly #pruner: Pruner;
  readonly #parkedNotes: ParkedNotes | undefined;
  #cancelRing: Cancel = () => undefined;
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
    const notes = new BatchedNotes({ store, clock, log });
    this.#notes = notes;
    const apply = (step: Step) => this.steps.applyLater(step);
    this.#deliveryContext = { clock, meter, apply, note: (event) => notes.event(event) };
    this.#pruner = new Pruner(options);
    const { neighbours } = given;
    this.#dueWatch = new DueWatch({ store, clock, log, kick, maxSleepMs: neighbours && lookForOthersMs });
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
    this.#parkedNotes = neighbours && new ParkedNotes({ neighbours, polls: this.polls, clock, log });
    neighbours?.listen({
      kicked: (hostnames) => {
        kick(hostnames);
        bell.ring();
      },
      missed: () => this.#lookAround(bell),
    });
    if (neighbours !== undefined) this.#ringLater(bell);
  }

  /** A dispatch that a poll was handed, to be followed until it has arrived or come back. */
  delivery(taken: Taken, terms: TakeTerms, origin: Origin): Delivery {
    return new Delivery(this.#deliveryContext, taken, terms, origin);
  }

  /** A host has polled. */
  seen({ hostname, address, wire, agentVersion, certificateNotAfter }: Omit<HostSeen, "lastSeenAt">): void {
    // In words, since a spread costs more than all else that a poll's presence does.
    const lastSeenAt = this.#now();
    this.#notes.seen({ hostname, lastSeenAt, address, wire, agentVersion, certificateNotAfter });
  }

  /** What is known of a host, and who waits here for it now. */
  async presence(hostname: Hostname): Promise<Presence> {
    const [seen, elsewhere] = await Promise.all([this.store.findHost(hostname), this.parkedElsewhere([hostname])]);
    return this.presenceOf(hostname, seen, elsewhere.get(hostname));
  }

  /** Where polls of these hosts are parked besides here. */
  async parkedElsewhere(hostnames: readonly Hostname[]): Promise<ReadonlyMap<Hostname, readonly ParkedAt[]>> {
    return (await this.#options.neighbours?.parkedAt(hostnames)) ?? new Map();
  }

  /** What is known of a host, for what the store and the other servers say of it already. */
  presenceOf(hostname: Hostname, kept: HostSeen | undefined, elsewhere: readonly ParkedAt[] = []): Presence {
    const seen = this.#notes.unwritten(hostname) ?? kept;
    const parkedAt = [...this.#parkedHere(hostname), ...elsewhere.map((parked) => sharpened(parked, seen))];
    return { hostname, seen, parkedAt };
  }

  #parkedHere(hostname: Hostname): ParkedAt[] {
    const { polls, longestMs } = this.polls.parked(hostname);
    if (polls === 0) return [];
    const { clock, serverName = "this server" } = this.#options;
    return [{ server: serverName, polls, since: instantFromMs(clock.nowMs() - longestMs) }];
  }

  /** Resolves if takes and enqueues could be served just now. */
  check(): Promise<void> {
    return this.store.check();
  }

  /** From now on nothing new comes in and every poll is ended. */
  drain(): void {
    this.#cancelSweep();
    this.#cancelRing();
    this.enqueuer.drain();
    this.events.drain();
    this.polls.drain();
  }

  /** To be called when the last answer is out or given up: puts back what did not leave, then closes the store. */
  async close(): Promise<void> {
    this.#cancelSweep();
    this.#cancelRing();
    await Promise.all([this.#dueWatch.stop(), this.#pruner.stop(), this.#parkedNotes?.stop()]);
    await this.polls.settled();
    await this.steps.settled();
    await this.#notes.close();
    await this.store.close();
  }

  /** Something may have been said that this server has not heard. */
  #lookAround(bell: Bell): void {
    this.polls.sweep();
    this.#dueWatch.look();
    this.#parkedNotes?.forget();
    bell.ring();
  }

  #ringLater(bell: Bell): void {
    this.#cancelRing = this.#options.clock.after(ringForOthersMs, () => {
      if (bell.listeners > 0) bell.ring();
      this.#ringLater(bell);
    });
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
  /** At which servers it has polls that wait now. */
  readonly parkedAt: readonly ParkedAt[];
}

/** The other servers tell since when a host has been there; if it has one poll there, that began when it was seen last. */
function sharpened(parked: ParkedAt, seen: HostSeen | undefined): ParkedAt {
  if (parked.polls !== 1 || seen === undefined || seen.lastSeenAt <= parked.since) return parked;
  return { ...parked, since: seen.lastSeenAt };
}
