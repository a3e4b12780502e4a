import type { Instant } from "../../dispatch/instant.js";
import type { FleetEvent } from "../../words/fleet-event.js";
import { type KnownDispatch, type KnownHost, strangerNamed } from "../../words/record.js";
import { Activity } from "./activity.js";
import { afterEvent } from "./after-event.js";

type ByName<T> = Map<string, T>;

/** How many of the latest events are kept for the Live view. */
const mostRecent = 2_000;

/**
 * What the page knows: every dispatch and every host once, kept up to date by the event stream. Views look things up here; it
 * is changed by the feed alone, and counts its changes.
 */
export class Fleet {
  /** By rollout, then by host. */
  readonly rollouts: ByName<ByName<KnownDispatch>> = new Map();
  /** By host, then by rollout: the same dispatches. */
  readonly dispatchesOf: ByName<ByName<KnownDispatch>> = new Map();
  readonly hosts: ByName<KnownHost> = new Map();
  activity = new Activity();
  /** The latest events, oldest first. */
  recent: readonly FleetEvent[] = [];
  /** Everything up to this event is in here. */
  lastEventId = 0;
  /** Grows with each change. */
  version = 0;
  /** Dispatches of which the server knows more: rollout to hosts. */
  readonly incomplete: ByName<Set<string>> = new Map();
  /** The event that each dispatch was changed by last, for those changed since the snapshot. */
  readonly #touched = new Map<string, number>();

  /** As if nothing had been heard yet. */
  clear(): void {
    for (const map of [this.rollouts, this.dispatchesOf, this.hosts, this.incomplete, this.#touched]) map.clear();
    this.activity = new Activity();
    this.recent = [];
    this.lastEventId = 0;
    this.version += 1;
  }

  /** Which event told of it last; 0 if none has since the snapshot. */
  lastEventOf(hostname: string, rolloutId: string): number {
    return this.#touched.get(keyOf({ hostname, rolloutId })) ?? 0;
  }

  find(hostname: string, rolloutId: string): KnownDispatch | undefined {
    return this.rollouts.get(rolloutId)?.get(hostname);
  }

  *dispatches(): Generator<KnownDispatch> {
    for (const hosts of this.rollouts.values()) yield* hosts.values();
  }

  /**
   * Takes what the server says of dispatches. What events have told since the question was asked is newer than the answer, and
   * stays.
   *
   * @param askedAfter the `lastEventId` when it was asked
   */
  merge(dispatches: readonly KnownDispatch[], askedAfter: number): void {
    for (const told of dispatches) {
      const known = this.find(told.hostname, told.rolloutId);
      const isNewer = (this.#touched.get(keyOf(told)) ?? 0) > askedAfter;
      if (known === undefined || !isNewer) this.#put(told);
      else if (known.enqueuedAt === told.enqueuedAt) this.#put(withTerms(known, told));
      else continue; // Enqueued again meanwhile: it stays incomplete, and is asked for again.
      this.#completed(told);
    }
    this.version += 1;
  }

  setHosts(hosts: readonly KnownHost[]): void {
    for (const host of hosts) this.hosts.set(host.hostname, host);
    this.version += 1;
  }

  /** Hosts that the server does not know any more are forgotten, if nothing is known of them otherwise. */
  keepOnlyHosts(names: ReadonlySet<string>): void {
    for (const name of this.hosts.keys()) if (!names.has(name)) this.hosts.delete(name);
    this.version += 1;
  }

  /** In the order of their ids; those that are in here already are left out. */
  apply(events: readonly FleetEvent[], lastId: number): void {
    const fresh = events.filter(({ id }) => id > this.lastEventId);
    for (const event of fresh) this.#applyOne(event);
    this.lastEventId = Math.max(this.lastEventId, lastId);
    if (fresh.length === 0) return;
    this.recent = [...this.recent, ...fresh].slice(-mostRecent);
    this.version += 1;
  }

  #applyOne(event: FleetEvent): void {
    const before = this.find(event.hostname, event.rolloutId);
    const { dispatch, isIncomplete } = afterEvent(before, event);
    this.activity.add(event, before?.enqueuedAt);
    if (dispatch !== before) this.#put(dispatch);
    this.#touched.set(keyOf(event), event.id);
    if (isIncomplete) this.#askFor(event);
    if (event.kind === "delivered" || event.kind === "leased") this.#sawHost(event);
  }

  /** A hand-out proves that the host polled. */
  #sawHost({ hostname, at, address, wire }: FleetEvent): void {
    const known = this.hosts.get(hostname) ?? strangerNamed(hostname);
    if (known.lastSeenAt !== null && known.lastSeenAt >= at) return;
    this.hosts.set(hostname, { ...known, lastSeenAt: at, address, wire });
  }

  #put(dispatch: KnownDispatch): void {
    const { hostname, rolloutId } = dispatch;
    mapIn(this.rollouts, rolloutId).set(hostname, dispatch);
    mapIn(this.dispatchesOf, hostname).set(rolloutId, dispatch);
  }

  #askFor({ hostname, rolloutId }: FleetEvent): void {
    const hosts = this.incomplete.get(rolloutId);
    if (hosts === undefined) this.incomplete.set(rolloutId, new Set([hostname]));
    else hosts.add(hostname);
  }

  #completed({ hostname, rolloutId }: KnownDispatch): void {
    const hosts = this.incomplete.get(rolloutId);
    hosts?.delete(hostname);
    if (hosts?.size === 0) this.incomplete.delete(rolloutId);
  }
}

/** What the producer said, and what events do not tell. */
function withTerms(known: KnownDispatch, told: KnownDispatch): KnownDispatch {
  const { targetClosure, soakDueAt, maxAttempts, notBefore, notAfter } = told;
  const isSameLease = known.state === "leased" && told.state === "leased" && known.attempt === told.attempt;
  const leaseExpiresAt: Instant | null = isSameLease ? told.leaseExpiresAt : known.leaseExpiresAt;
  return { ...known, targetClosure, soakDueAt, maxAttempts, notBefore, notAfter, leaseExpiresAt };
}

function keyOf({ hostname, rolloutId }: Pick<KnownDispatch, "hostname" | "rolloutId">): string {
  return `${hostname} ${rolloutId}`;
}

function mapIn<T>(maps: ByName<ByName<T>>, name: string): ByName<T> {
  const found = maps.get(name);
  if (found !== undefined) return found;
  const made: ByName<T> = new Map();
  maps.set(name, made);
  return made;
}
