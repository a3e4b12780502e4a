import type { KnownEvent } from "./record.js";

export interface TimelineEntry {
  readonly event: KnownEvent;
  /** From the entry before; `null` for the first. */
  readonly sincePreviousMs: number | null;
  /** Whether it belongs to the latest enqueue: what is before that is the life of an earlier one. */
  readonly isPresent: boolean;
}

/**
 * The events as they happened. Their ids are not quite in that order: that an answer has been flushed is written a little
 * later, when the acknowledgement of the same millisecond may be there already.
 */
export function timelineOf(events: readonly KnownEvent[]): TimelineEntry[] {
  const sorted = inOrder(events);
  const latestEnqueue = sorted.findLastIndex(({ kind }) => kind === "enqueued" || kind === "replaced");
  return sorted.map((event, i) => {
    const previous = sorted[i - 1];
    const sincePreviousMs = previous === undefined ? null : (event.at - previous.at) / 1_000;
    return { event, sincePreviousMs, isPresent: i >= latestEnqueue };
  });
}

function inOrder(events: readonly KnownEvent[]): KnownEvent[] {
  const byId = events.toSorted((a, b) => a.id - b.id);
  const placed = byId.map((event, i) => ({
    event,
    place: event.kind === "flushed" ? handOutBefore(byId, i) : event.id,
  }));
  return placed.sort((a, b) => a.event.at - b.event.at || a.place - b.place).map(({ event }) => event);
}

/** Where a `flushed` belongs among the events of its instant: right behind the hand-out whose answer it was. */
function handOutBefore(byId: readonly KnownEvent[], i: number): number {
  const flushed = byId[i];
  const handOut = byId.findLast(
    (event, k) =>
      k < i && (event.kind === "delivered" || event.kind === "leased") && event.attempt === flushed?.attempt,
  );
  return handOut === undefined ? (flushed?.id ?? 0) : handOut.id + 0.5;
}

/** An entry, or what stands for several of the same. */
export type FoldedEntry = TimelineEntry & {
  /** How many more of its kind by the same caller are left out after it. */
  readonly more: number;
};

/** Planners enqueue again on every tick, and agents extend: beyond so many in a row only the first and the last are shown. */
const mostInARow = 3;

/** Leaves out what says the same again and again. */
export function folded(entries: readonly TimelineEntry[]): FoldedEntry[] {
  return runsOf(entries).flatMap((run) => {
    const [first, last] = [run[0], run.at(-1)];
    if (run.length <= mostInARow || first === undefined || last === undefined) {
      return run.map((entry) => ({ ...entry, more: 0 }));
    }
    const sincePreviousMs = (last.event.at - first.event.at) / 1_000;
    return [
      { ...first, more: run.length - 2 },
      { ...last, more: 0, sincePreviousMs },
    ];
  });
}

function runsOf(entries: readonly TimelineEntry[]): TimelineEntry[][] {
  const runs: TimelineEntry[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    const previous = run?.at(-1)?.event;
    if (run !== undefined && previous !== undefined && saysTheSame(previous, entry.event)) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

function saysTheSame(a: KnownEvent, b: KnownEvent): boolean {
  const isRepeatable = a.kind === "replaced" || a.kind === "extended";
  return isRepeatable && a.kind === b.kind && a.actor === b.actor && a.address === b.address && a.attempt === b.attempt;
}
