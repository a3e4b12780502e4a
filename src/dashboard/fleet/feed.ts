import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { ListDispatchesRequest, QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Instant, instantFromMs } from "../../dispatch/instant.js";
import { instantFromTimestamp, timestampFromInstant } from "../../http/convert.js";
import { fleetEvent } from "../../words/fleet-event.js";
import { knownDispatch, knownHost } from "../../words/record.js";
import type { Fleet } from "./fleet.js";
import { readActivity } from "./read-activity.js";

/** How the page stands to the server. */
export type Condition =
  /** The snapshot is on its way. */
  | { readonly kind: "loading"; readonly dispatches: number; readonly hosts: number }
  /** What is shown is what is, as far as the stream has come. */
  | { readonly kind: "live" }
  /** What is shown is as it was `since`. */
  | { readonly kind: "stale"; readonly since: Instant; readonly cause: string; readonly isFinal: boolean };

/** The server's own numbers, from the latest answer. */
export interface ServerFacts {
  readonly version: string;
  readonly startedAt: Instant | null;
  readonly parkedPolls: number;
  readonly parkedHosts: number;
}

export interface FeedOptions {
  readonly client: Client<typeof QueueService>;
  readonly fleet: Fleet;
  /** Dispatches that were enqueued earlier, and are done, are left out. In hours. */
  readonly windowHours: number;
  readonly signal: AbortSignal;
  /** This machine's, in milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The fleet, or what is below, has changed. */
  readonly onChange: () => void;
  readonly onCondition: (condition: Condition) => void;
  readonly onServer: (facts: ServerFacts) => void;
  /** By how much the server's clock is ahead of this machine's. */
  readonly onClock: (aheadMs: number) => void;
}

const pageSize = 1_000;
/** How often the server is asked for its numbers, which also shows that it is there. */
const heartbeatMs = 5_000;
/** What takes longer is no answer: a network that swallows everything must not look live. */
const patienceMs = 10_000;
/** A stream that is behind the server's own count for so long has died without a word. */
const silentMs = 15_000;
const retryMs = { least: 500, most: 10_000 } as const;
/** What is asked for again and again takes a twentieth of the time at the most. */
const restShare = 20;

const overStates = [
  ...[DispatchState.DELIVERED, DispatchState.ACKNOWLEDGED, DispatchState.REJECTED, DispatchState.CANCELLED],
  ...[DispatchState.SUPERSEDED, DispatchState.EXPIRED, DispatchState.DEAD],
];
const liveStates = [DispatchState.PENDING, DispatchState.LEASED];

/**
 * Keeps a fleet as the server has it: a snapshot, then every event behind it. The events are asked for from an id that was
 * read before the snapshot, so none falls between; those that the snapshot has seen already change nothing for good, since they
 * are applied in order up to the present. After a break the stream goes on behind the last event that was applied.
 */
export class Feed {
  readonly #options: FeedOptions;
  #aheadMs = 0;
  #condition: Condition = { kind: "loading", dispatches: 0, hosts: 0 };
  /** When the server answered last. */
  #answeredMs: number;
  /** The latest id that the server has told of, and when. */
  #serverAt = { lastEventId: 0, sinceMs: 0 };

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#answeredMs = options.now();
  }

  /** Until the signal aborts, or trying again cannot help. */
  async run(): Promise<void> {
    const { signal, sleep } = this.#options;
    let hasSnapshot = false;
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (!hasSnapshot) await this.#snapshot();
        hasSnapshot = true;
        await this.#follow(() => {
          failures = 0;
        });
      } catch (thrown) {
        if (signal.aborted) return;
        if (thrown instanceof HistoryReplaced) hasSnapshot = false;
        else if (this.#isLost(thrown)) return;
        await sleep(Math.min(retryMs.least * 2 ** failures, retryMs.most), signal);
        failures += 1;
      }
    }
  }

  #isLost(thrown: unknown): boolean {
    const { code, rawMessage } = ConnectError.from(thrown);
    const isFinal = finalCodes.has(code);
    const since = instantFromMs(this.#answeredMs + this.#aheadMs);
    this.#become({ kind: "stale", since, cause: rawMessage, isFinal });
    return isFinal;
  }

  async #snapshot(): Promise<void> {
    const { fleet, windowHours } = this.#options;
    fleet.clear();
    this.#become({ kind: "loading", dispatches: 0, hosts: 0 });
    const lastEventId = await this.#askStats();
    const from = instantFromMs(this.#options.now() + this.#aheadMs - windowHours * 3_600_000);
    await Promise.all([
      this.#loadDispatches({ states: liveStates }),
      this.#loadDispatches({ states: overStates, enqueuedAfter: timestampFromInstant(from) }),
      this.#loadHosts(),
    ]);
    fleet.lastEventId = lastEventId;
  }

  async #loadDispatches(filter: Partial<Omit<ListDispatchesRequest, "enqueuedAfter">> & { enqueuedAfter?: object }) {
    const { client, fleet, signal, onChange } = this.#options;
    let pageToken = "";
    do {
      const askedAfter = fleet.lastEventId;
      const { $typeName: _, ...fields } = { $typeName: undefined, ...filter };
      const page = await client.listDispatches({ ...fields, pageSize, pageToken }, { signal });
      fleet.merge(page.dispatches.map(knownDispatch), askedAfter);
      this.#progress(page.dispatches.length, 0);
      onChange();
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async #loadHosts(): Promise<void> {
    const { client, fleet, signal, onChange } = this.#options;
    const names = new Set<string>();
    let pageToken = "";
    do {
      const page = await client.listHosts({ pageSize, pageToken }, { signal });
      const hosts = page.hosts.flatMap(({ presence }) => (presence === undefined ? [] : [knownHost(presence)]));
      for (const { hostname } of hosts) names.add(hostname);
      fleet.setHosts(hosts);
      this.#progress(0, hosts.length);
      onChange();
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    fleet.keepOnlyHosts(names);
  }

  #progress(dispatches: number, hosts: number): void {
    const condition = this.#condition;
    if (condition.kind !== "loading") return;
    this.#become({
      kind: "loading",
      dispatches: condition.dispatches + dispatches,
      hosts: condition.hosts + hosts,
    });
  }

  /** The event stream, and beside it what no event tells; the first of them that fails ends all. */
  async #follow(onAnswer: () => void): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, stop.signal]);
    try {
      await Promise.race([
        this.#watch(signal, onAnswer),
        this.#beat(signal),
        this.#again(signal, () => this.#complete(), 250),
        this.#again(signal, () => this.#loadHosts(), heartbeatMs),
        this.#readHistory(signal),
      ]);
    } finally {
      stop.abort();
    }
  }

  async #watch(signal: AbortSignal, onAnswer: () => void): Promise<never> {
    const { client, fleet, onChange } = this.#options;
    for await (const { events, lastId } of client.watchEvents({ afterId: BigInt(fleet.lastEventId) }, { signal })) {
      fleet.apply(events.map(fleetEvent), Number(lastId));
      onAnswer();
      this.#answeredMs = this.#options.now();
      if (fleet.lastEventId >= this.#serverAt.lastEventId) this.#become({ kind: "live" });
      onChange();
    }
    throw new ConnectError("the server ended the stream", Code.Unavailable);
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { sleep, fleet, now } = this.#options;
    for (;;) {
      await sleep(heartbeatMs, signal);
      // The stream may bring events that happen while the answer is on its way: those are no sign of anything.
      const known = fleet.lastEventId;
      const lastEventId = await this.#askStats();
      if (lastEventId < known) throw new HistoryReplaced("the server has another database");
      if (fleet.lastEventId >= lastEventId || this.#serverAt.lastEventId === 0) continue;
      if (now() - this.#serverAt.sinceMs > silentMs)
        throw new ConnectError("the stream stands still", Code.Unavailable);
    }
  }

  /** What events do not tell of dispatches: the closure of a new one, the end of a lease. One call for each rollout. */
  async #complete(): Promise<void> {
    const { fleet } = this.#options;
    for (const [rolloutId, hosts] of [...fleet.incomplete]) {
      const [only] = hosts;
      await this.#loadDispatches(
        hosts.size === 1 && only !== undefined ? { rolloutId, hostname: only } : { rolloutId },
      );
      // What the server does not have any more cannot be completed.
      if (fleet.incomplete.get(rolloutId) === hosts && hosts.size > 0) await this.#forgetMissing(rolloutId, hosts);
    }
  }

  async #forgetMissing(rolloutId: string, hosts: Set<string>): Promise<void> {
    const { fleet } = this.#options;
    for (const hostname of [...hosts]) {
      if (fleet.find(hostname, rolloutId)?.state === "unknown") hosts.delete(hostname);
    }
    if (hosts.size === 0) fleet.incomplete.delete(rolloutId);
  }

  async #again(signal: AbortSignal, work: () => Promise<void>, leastMs: number): Promise<never> {
    const { sleep, now } = this.#options;
    let tookMs = 0;
    for (;;) {
      await sleep(Math.max(leastMs, tookMs * restShare), signal);
      const from = now();
      await work();
      tookMs = now() - from;
    }
  }

  /** Once; then it never ends, since the others go on. */
  async #readHistory(signal: AbortSignal): Promise<never> {
    const { client, fleet, onChange } = this.#options;
    if (fleet.activity.since === undefined) {
      await readActivity({ client, fleet, now: this.#serverNow(), signal, onChange });
    }
    return new Promise(() => undefined);
  }

  /** @returns the id of the latest event */
  async #askStats(): Promise<number> {
    const { client, signal, now, onServer, onClock } = this.#options;
    const askedMs = now();
    const stats = await client.getStats({}, { signal, timeoutMs: patienceMs });
    this.#answeredMs = now();
    const lastEventId = Number(stats.lastEventId);
    if (lastEventId !== this.#serverAt.lastEventId) this.#serverAt = { lastEventId, sinceMs: now() };
    const serverNow = instantOrNull(stats.now);
    if (serverNow !== null) {
      this.#aheadMs = serverNow / 1_000 - (askedMs + now()) / 2;
      onClock(this.#aheadMs);
    }
    const { version, parkedPolls, parkedHosts } = stats;
    onServer({ version, startedAt: instantOrNull(stats.startedAt), parkedPolls, parkedHosts });
    return lastEventId;
  }

  #serverNow(): Instant {
    return instantFromMs(this.#options.now() + this.#aheadMs);
  }

  #become(condition: Condition): void {
    if (condition.kind === "live" && this.#condition.kind === "live") return;
    this.#condition = condition;
    this.#options.onCondition(condition);
  }
}

/** The server's history is not the one that was read: the snapshot has to be taken again. */
class HistoryReplaced extends Error {}

const finalCodes: ReadonlySet<Code> = new Set([
  ...[Code.FailedPrecondition, Code.Unimplemented, Code.PermissionDenied, Code.Unauthenticated],
]);

function instantOrNull(timestamp: Parameters<typeof instantFromTimestamp>[0] | undefined): Instant | null {
  const instant = timestamp === undefined ? "out of range" : instantFromTimestamp(timestamp);
  return instant === "out of range" ? null : instant;
}
