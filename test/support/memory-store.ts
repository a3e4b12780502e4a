import type { DispatchKey, DispatchRow, EnqueueResult, NewDispatch, Taken } from "../../src/dispatch/dispatch.js";
import type { DispatchEvent, NewEvent } from "../../src/dispatch/event.js";
import type { Hostname } from "../../src/dispatch/hostname.js";
import { type Instant, instantFromMs, type Moment, type Steady } from "../../src/dispatch/instant.js";
import type { NewLeaseToken } from "../../src/dispatch/lease.js";
import * as life from "../../src/dispatch/life.js";
import type * as ports from "../../src/dispatch/ports.js";
import { channelOf } from "../../src/dispatch/rollout.js";
import { tokens } from "./dispatches.js";

/** A method of the port, for a hook to tell one call from another. */
export type StoreCall = keyof ports.DispatchStore;

/** The port as plainly as it can be said, for tests of the rules above it. It passes the same contract as the real stores. */
export class MemoryStore implements ports.DispatchStore {
  /** By `hostname rollout`. */
  readonly rows = new Map<string, DispatchRow>();
  readonly hosts = new Map<Hostname, ports.HostSeen>();
  /** The wants of each take, in order. */
  readonly takes: (readonly ports.TakeWant[])[] = [];
  /** Runs at the start of every call, which goes on when it resolves and fails as it does: to hold one open, or fail it. */
  before: (call: StoreCall) => Promise<void> = async () => undefined;
  events: DispatchEvent[] = [];
  readonly #clock: Pick<ports.Clock, "nowMs" | "monotonicMs">;
  readonly #newToken: NewLeaseToken;
  readonly #steadyOffset: number;
  #settledAt: Instant;
  #sequence = 0;
  #lastEventId = 0;

  constructor(clock: Pick<ports.Clock, "nowMs" | "monotonicMs">, newToken = tokens()) {
    this.#clock = clock;
    this.#newToken = newToken;
    this.#settledAt = instantFromMs(clock.nowMs());
    this.#steadyOffset = this.#settledAt - Math.floor(clock.monotonicMs() * 1_000);
  }

  async take(wants: readonly ports.TakeWant[]): Promise<ports.TakeReceipt> {
    this.takes.push(wants);
    await this.before("take");
    const moment = this.#moment();
    const hostnames = this.#settle(moment, Number.POSITIVE_INFINITY);
    const taken = wants.map(({ hostname, takers }) => {
      const mine = [...this.rows.values()].filter((row) => row.hostname === hostname && life.isTakeable(row, moment));
      mine.sort((a, b) => a.enqueuedAt - b.enqueuedAt || a.sequence - b.sequence);
      return takers.flatMap((taker, i) => {
        const row = mine[i];
        return row === undefined ? [] : [takenFrom(this.#keep(life.taken(row, taker, moment, this.#newToken)))];
      });
    });
    return { taken, due: { hostnames, nextInMs: this.#nextInMs(moment) } };
  }

  async apply(steps: readonly life.Step[]): Promise<readonly life.StepResult[]> {
    await this.before("apply");
    return steps.map((step) => {
      const result = life.stepped(this.rows.get(nameOf(life.keyOf(step))), step, this.#moment());
      if (result.ok && result.change !== undefined) this.#keep(result.change);
      return result;
    });
  }

  async enqueue(groups: readonly ports.EnqueueGroup[]): Promise<readonly ports.EnqueueReceipt[]> {
    await this.before("enqueue");
    const moment = this.#moment();
    return groups.map((group) => ({
      enqueuedAt: moment.now,
      results: group.dispatches.map((dispatch) => this.#enqueueOne(dispatch, group, moment)),
    }));
  }

  async settleDue(limit: number): Promise<ports.DueReceipt> {
    await this.before("settleDue");
    const moment = this.#moment();
    return { hostnames: this.#settle(moment, limit), nextInMs: this.#nextInMs(moment) };
  }

  async note({ events, seen }: ports.Notes): Promise<void> {
    await this.before("note");
    for (const event of events) this.#addEvent(event);
    for (const one of seen) this.hosts.set(one.hostname, one);
  }

  async find(key: DispatchKey): Promise<DispatchRow | undefined> {
    await this.before("find");
    return this.rows.get(nameOf(key));
  }

  async list(filter: ports.DispatchFilter, after: DispatchKey | undefined, limit: number) {
    await this.before("list");
    const rows = [...this.rows.values()].filter((row) => matches(row, filter)).sort(byKey);
    return rows.filter((row) => after === undefined || byKey(row, after) > 0).slice(0, limit);
  }

  async listEvents(filter: ports.EventFilter, afterId: number, limit: number) {
    await this.before("listEvents");
    return this.events.filter((event) => isOf(event, filter) && event.id > afterId).slice(0, limit);
  }

  async latestEvents(key: DispatchKey, limit: number) {
    await this.before("latestEvents");
    return this.events.filter((event) => isOf(event, key)).slice(-limit);
  }

  async findHost(hostname: Hostname): Promise<ports.HostSeen | undefined> {
    await this.before("findHost");
    return this.hosts.get(hostname);
  }

  async prune(before: Instant, limit: number): Promise<number> {
    await this.before("prune");
    const rows = [...this.rows.values()].filter(({ state }) => state !== "pending" && state !== "leased");
    const done = rows.filter(({ changedAt }) => changedAt < before).slice(0, limit);
    const old = this.events.filter(({ at }) => at < before).slice(0, limit);
    const gone = [...this.hosts.values()].filter(({ lastSeenAt }) => lastSeenAt < before).slice(0, limit);
    for (const row of done) this.rows.delete(nameOf(row));
    for (const { hostname } of gone) this.hosts.delete(hostname);
    this.events = this.events.filter((event) => !old.includes(event));
    return done.length + old.length + gone.length;
  }

  async check(): Promise<void> {
    await this.before("check");
  }

  async close(): Promise<void> {
    await this.before("close");
  }

  #moment(): Moment {
    const steady = (Math.floor(this.#clock.monotonicMs() * 1_000) + this.#steadyOffset) as Steady;
    return { now: instantFromMs(this.#clock.nowMs()), steady };
  }

  #enqueueOne(
    dispatch: NewDispatch,
    { supersede, origin }: Pick<ports.EnqueueGroup, "supersede" | "origin">,
    moment: Moment,
  ): EnqueueResult {
    this.#sequence += 1;
    const { hostname, rolloutId } = dispatch;
    const how = { sequence: this.#sequence, moment, origin };
    const { row, outcome, event } = life.enqueued(this.rows.get(nameOf(dispatch)), dispatch, how);
    this.rows.set(nameOf(row), row);
    if (event !== undefined) this.#addEvent(event);
    const channel = channelOf(rolloutId);
    const pending = [...this.rows.values()].filter((other) =>
      matches(other, { hostname, channel, states: ["pending"] }),
    );
    const older = supersede ? pending.filter((other) => other.rolloutId !== rolloutId) : [];
    for (const other of older) this.#keep(life.superseded(other, dispatch, moment, origin));
    return { hostname, rolloutId, outcome, superseded: older.length };
  }

  #settle(moment: Moment, limit: number): Set<Hostname> {
    const changes = [...this.rows.values()].flatMap((row) => life.fallenDue(row, moment) ?? []);
    const again = changes.slice(0, limit).map((change) => this.#keep(change));
    const begun = [...this.rows.values()].filter(
      ({ notBefore }) => notBefore !== null && notBefore > this.#settledAt && notBefore <= moment.now,
    );
    this.#settledAt = moment.now;
    const waiting = [...again, ...begun].filter(({ state }) => state === "pending");
    return new Set(waiting.map(({ hostname }) => hostname));
  }

  #nextInMs({ now, steady }: Moment): number | undefined {
    const micros = [...this.rows.values()].flatMap(({ state, leaseEndsAt, notBefore, notAfter }) => [
      ...(state === "leased" && leaseEndsAt !== null ? [leaseEndsAt - steady] : []),
      ...(state === "pending" && notBefore !== null && notBefore > now ? [notBefore - now] : []),
      ...(state === "pending" && notAfter !== null ? [notAfter - now] : []),
    ]);
    return micros.length === 0 ? undefined : Math.ceil(Math.max(0, Math.min(...micros)) / 1_000);
  }

  #keep({ row, event }: life.Change): DispatchRow {
    this.rows.set(nameOf(row), row);
    this.#addEvent(event);
    return row;
  }

  #addEvent(event: NewEvent): void {
    this.#lastEventId += 1;
    this.events.push({ ...event, id: this.#lastEventId });
  }
}

function takenFrom(row: DispatchRow): Taken {
  const { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, attempt } = row;
  const { leaseToken: token, leaseExpiresAt: expiresAt } = row;
  return {
    dispatch: { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt },
    take: { hostname, rolloutId, sequence, attempt },
    lease: token === null || expiresAt === null ? undefined : { token, expiresAt, attempt },
  };
}

function nameOf({ hostname, rolloutId }: DispatchKey): string {
  return `${hostname} ${rolloutId}`;
}

function byKey(a: DispatchKey, b: DispatchKey): number {
  return compare(a.hostname, b.hostname) || compare(a.rolloutId, b.rolloutId);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isOf(event: DispatchEvent, { hostname, rolloutId }: ports.EventFilter): boolean {
  return (
    (hostname === undefined || event.hostname === hostname) &&
    (rolloutId === undefined || event.rolloutId === rolloutId)
  );
}

function matches(row: DispatchRow, filter: ports.DispatchFilter): boolean {
  const { hostname, hostnamePrefix = "", rolloutId, channel, states = [], enqueuedAfter, enqueuedBefore } = filter;
  return (
    (hostname === undefined || row.hostname === hostname) &&
    row.hostname.startsWith(hostnamePrefix) &&
    (rolloutId === undefined || row.rolloutId === rolloutId) &&
    (channel === undefined || channelOf(row.rolloutId) === channel) &&
    (states.length === 0 || states.includes(row.state)) &&
    (enqueuedAfter === undefined || row.enqueuedAt >= enqueuedAfter) &&
    (enqueuedBefore === undefined || row.enqueuedAt < enqueuedBefore)
  );
}
