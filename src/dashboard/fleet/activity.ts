import { type Instant, instantFromMs } from "../../dispatch/instant.js";
import type { FleetEvent } from "../../words/fleet-event.js";

const minuteMicros = 60_000_000;

/** How far back the charts look. */
export const activityMinutes = 60;

export interface Minute {
  /** Its beginning. */
  readonly at: Instant;
  /** How many dispatches were handed out in it. */
  readonly handedOut: number;
  /** Of first hand-outs: how long they took from their enqueue, in milliseconds; null if there were none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

interface Bucket {
  handedOut: number;
  readonly delaysMs: number[];
}

/** What happened in the last hour, minute by minute. */
export class Activity {
  readonly #buckets = new Map<number, Bucket>();
  readonly #enqueuedAt = new Map<string, Instant>();
  /** From where on every event is counted; undefined until the history has been read. */
  since: Instant | undefined;

  /**
   * @param enqueuedAt what is known of the dispatch otherwise; used where its enqueue has not been seen here
   */
  add(event: FleetEvent, enqueuedAt: Instant | undefined): void {
    const key = `${event.hostname} ${event.rolloutId}`;
    if (event.kind === "enqueued" || event.kind === "replaced") this.#enqueuedAt.set(key, event.at);
    if (event.kind !== "delivered" && event.kind !== "leased") return;
    const bucket = this.#bucket(Math.floor(event.at / minuteMicros));
    bucket.handedOut += 1;
    const from = this.#enqueuedAt.get(key) ?? enqueuedAt;
    // A later attempt tells how long a lease is, not how quick the queue is.
    if (event.attempt <= 1 && from !== undefined && from <= event.at) bucket.delaysMs.push((event.at - from) / 1_000);
    // Its next delay counts from its next enqueue; so what is done needs no memory.
    this.#enqueuedAt.delete(key);
  }

  /** The last hour, oldest first, with the minutes in which nothing happened. */
  minutes(now: Instant): Minute[] {
    const last = Math.floor(now / minuteMicros);
    for (const minute of this.#buckets.keys()) if (minute <= last - activityMinutes) this.#buckets.delete(minute);
    return Array.from({ length: activityMinutes }, (_, i) => {
      const minute = last - activityMinutes + 1 + i;
      return minuteOf(minute, this.#buckets.get(minute));
    });
  }

  /** Of the whole hour: the number of hand-outs, and the delays of the first ones. */
  total(now: Instant): Omit<Minute, "at"> {
    const first = Math.floor(now / minuteMicros) - activityMinutes;
    const buckets = [...this.#buckets].filter(([minute]) => minute > first).map(([, bucket]) => bucket);
    const delays = buckets.flatMap(({ delaysMs }) => delaysMs);
    return { handedOut: buckets.reduce((sum, { handedOut }) => sum + handedOut, 0), ...percentiles(delays) };
  }

  #bucket(minute: number): Bucket {
    const found = this.#buckets.get(minute);
    if (found !== undefined) return found;
    const made: Bucket = { handedOut: 0, delaysMs: [] };
    this.#buckets.set(minute, made);
    return made;
  }
}

function minuteOf(minute: number, bucket: Bucket | undefined): Minute {
  const at = instantFromMs(minute * 60_000);
  return { at, handedOut: bucket?.handedOut ?? 0, ...percentiles(bucket?.delaysMs ?? []) };
}

/** Nearest rank. */
export function percentiles(values: readonly number[]): {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
} {
  if (values.length === 0) return { p50Ms: null, p99Ms: null };
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? null;
  return { p50Ms: rank(0.5), p99Ms: rank(0.99) };
}
