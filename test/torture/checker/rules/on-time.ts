import {
  isAcknowledged,
  leaseEndOf,
  mayBeCancelled,
  mayBeSuperseded,
  mayBeSwallowed,
  onlyEnqueue,
  wordsOn,
} from "../facts.js";
import type { Enqueue, Span, Take } from "../history.js";
import { hostOf, type Ledger, type Story } from "../ledger.js";
import type { Rule } from "../rule.js";

/** Something that waited for its host, from when on for sure, and when it arrived. */
interface Waiting {
  /** It may have been there for the taking from here on. */
  readonly possiblySinceMs: number;
  readonly sinceMs: number;
  readonly arrivedMs: number;
}

/** @param withinMs how long it may take until a poll that waits gets what waits for it: the second */
export function onTime(withinMs: number): Rule {
  return {
    name: "on time",
    promise: `a poll that waits gets what was enqueued, or whose lease has ended, within ${withinMs} ms`,
    examine(ledger, examination) {
      for (const story of ledger.stories.values()) {
        for (const waiting of waitingIn(ledger, story)) {
          for (const poll of hostOf(ledger, story.hostname).takes) {
            const dueMs = dueFor(ledger, poll, waiting, withinMs);
            if (dueMs === undefined) continue;
            examination.expect(waiting.arrivedMs <= dueMs, "a poll waited beside it", waiting, poll, story);
          }
        }
      }
    },
  };
}

/** By when it had to arrive, given this poll; `undefined` if the poll proves nothing. */
function dueFor(ledger: Ledger, poll: Take, waiting: Waiting, withinMs: number): number | undefined {
  // From here on both were there, unless their server was down.
  const sinceMs = Math.max(waiting.sinceMs, poll.fromMs);
  const isItself = poll.toMs === waiting.arrivedMs;
  if (!poll.isConnected || poll.result === "unknown" || (poll.toMs <= sinceMs + withinMs && !isItself))
    return undefined;
  const dueMs = sinceMs + withinMs + slownessMs(ledger, sinceMs, sinceMs + withinMs);
  if (poll.toMs <= dueMs && !isItself) return undefined;
  const isDown = ledger.downs.some(({ fromMs, toMs }) => fromMs <= dueMs && toMs >= sinceMs);
  return isDown || mayBeSwallowed(ledger, poll.hostname, waiting.possiblySinceMs, dueMs) ? undefined : dueMs;
}

/** What the machine took for itself, and what a call took then that had nothing to wait for. */
function slownessMs({ stalls, quick }: Ledger, fromMs: number, toMs: number): number {
  const lengths = (spans: readonly Span[]) =>
    spans.filter((span) => span.fromMs <= toMs && span.toMs >= fromMs).map((span) => span.toMs - span.fromMs);
  return lengths(stalls).reduce((sum, ms) => sum + ms, 0) + Math.max(0, ...lengths(quick));
}

function waitingIn(ledger: Ledger, story: Story): readonly Waiting[] {
  const enqueue = onlyEnqueue(story);
  if (enqueue === undefined || !isAcknowledged(enqueue)) return [];
  if (mayBeCancelled(story) || mayBeSuperseded(ledger, enqueue)) return [];
  const { fromMs: possiblySinceMs, toMs: sinceMs } = enqueue;
  return [{ possiblySinceMs, sinceMs, arrivedMs: arrivalAfter(story, 0) }, ...redeliveries(ledger, story, enqueue)];
}

/** What agents let lie until the lease ended. */
function redeliveries(ledger: Ledger, story: Story, { maxAttempts }: Enqueue): Waiting[] {
  return story.receptions.flatMap((reception, i) => {
    const end = leaseEndOf(ledger, story, reception);
    const { attempt } = reception.result;
    // Without a number it may have been confirmed; the last attempt is followed by none.
    if (end === undefined || attempt === undefined || attempt >= maxAttempts) return [];
    const isDone = wordsOn(story, reception).some(({ kind, result }) => kind !== "extend" && result !== "over");
    if (isDone || story.row?.state === "dead") return [];
    return [{ possiblySinceMs: end.earliestMs, sinceMs: end.latestMs, arrivedMs: arrivalAfter(story, i + 1) }];
  });
}

function arrivalAfter({ receptions }: Story, count: number): number {
  return receptions[count]?.toMs ?? Number.POSITIVE_INFINITY;
}
