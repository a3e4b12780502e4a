import type { Enqueue, Word } from "./history.js";
import { hostOf, type Ledger, type Reception, type Story } from "./ledger.js";

/** What can be said for sure of a history that knows only when calls began and ended. Where it cannot, the rules hold back. */

/** The one call that can have put it into the queue; `undefined` if several can, and it is not clear which one counts when. */
export function onlyEnqueue({ enqueues }: Story): Enqueue | undefined {
  const possible = enqueues.filter(mayHaveHappened);
  return possible.length === 1 ? possible[0] : undefined;
}

export function isAcknowledged({ result }: Enqueue): boolean {
  return result === "created" || result === "replaced" || result === "kept";
}

export function mayHaveHappened({ result }: { readonly result: unknown }): boolean {
  return result !== "refused";
}

export function mayBeCancelled({ cancels }: Story, untilMs = Number.POSITIVE_INFINITY): boolean {
  return cancels.some(({ result, fromMs }) => (result === "cancelled" || result === "unknown") && fromMs <= untilMs);
}

export function mayBeSuperseded(ledger: Ledger, { hostname, rolloutId, fromMs }: Enqueue): boolean {
  return hostOf(ledger, hostname).superseding.some(
    (by) =>
      mayHaveHappened(by) &&
      by.rolloutId !== rolloutId &&
      channelOf(by.rolloutId) === channelOf(rolloutId) &&
      by.toMs >= fromMs,
  );
}

/** When the lease of a reception ended, if nothing but time ended it. */
export interface LeaseEnd {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** `undefined` for a take that counts as delivered at once. */
export function leaseEndOf(ledger: Ledger, story: Story, reception: Reception): LeaseEnd | undefined {
  const { delivery } = ledger;
  const lengthMs = reception.leaseMs ?? (delivery.kind === "confirmed" ? delivery.withinMs : undefined);
  if (lengthMs === undefined) return undefined;
  // A poll may have waited long before there was anything to take.
  const enqueuedMs = Math.min(...story.enqueues.filter(mayHaveHappened).map(({ fromMs }) => fromMs));
  const beganMs = Math.max(reception.fromMs, enqueuedMs);
  let end: LeaseEnd = { earliestMs: beganMs + lengthMs, latestMs: reception.toMs + lengthMs };
  for (const word of wordsOn(story, reception)) end = extended(end, word);
  return end;
}

function extended(end: LeaseEnd, { kind, fromMs, toMs, leaseMs, result }: Word): LeaseEnd {
  if (kind !== "extend" || leaseMs === undefined) return end;
  const anew = { earliestMs: fromMs + leaseMs, latestMs: toMs + leaseMs };
  if (result === "ok") return anew;
  if (result !== "unknown") return end;
  return {
    earliestMs: Math.min(end.earliestMs, anew.earliestMs),
    latestMs: Math.max(end.latestMs, anew.latestMs),
  };
}

/** What was said of the attempt that was received, in the order in which the answers came. */
export function wordsOn({ words }: Story, { result }: Reception): readonly Word[] {
  return words.filter(({ attempt, closure }) => attempt === result.attempt && closure === result.closure);
}

/** Whether a poll without an answer may have taken what was there from one moment to another. */
export function mayBeSwallowed(ledger: Ledger, hostname: string, fromMs: number, toMs: number): boolean {
  return hostOf(ledger, hostname).swallowing.some((take) => take.fromMs <= toMs && take.toMs >= fromMs);
}

function channelOf(rolloutId: string): string {
  return rolloutId.slice(0, rolloutId.indexOf("@"));
}
