import { isUntilProven } from "./event-text.js";
import type { Answer, Facts, Telling } from "./explanation.js";
import type { KnownDispatch, KnownEvent } from "./record.js";
import { timelineOf } from "./timeline.js";
import { whenFrom } from "./times.js";

/** What has become of a dispatch that is under a lease, or waits for proof of its receipt. */
export function explainLeased(dispatch: KnownDispatch, { events }: Facts, { now, time }: Telling): Answer {
  const when = whenFrom(now, time);
  const { hostname, rolloutId, leaseExpiresAt, attempt, maxAttempts } = dispatch;
  const handOut = latest(events, "leased");
  const isUnproven = handOut !== undefined && isUntilProven(handOut);
  if (leaseExpiresAt !== null && leaseExpiresAt <= now) {
    const what = isUnproven ? "the time in which its receipt could be proven" : "its lease";
    const over = `${what} should have ended at ${when(leaseExpiresAt)}, after which it waits again`;
    const sentence = `${rolloutId} was handed out to ${hostname}${where(handOut)}, but ${over}.`;
    const hint =
      "Ask again in a moment. If that says the same, the server's clock was set: the length of a lease counts.";
    return { reason: "lease_ran_out", sentence, hint };
  }
  const until = leaseExpiresAt === null ? "an unknown instant" : when(leaseExpiresAt);
  const count = `attempt ${attempt} of ${maxAttempts}`;
  if (isUnproven) {
    const handedOut = `${rolloutId} was handed out to ${hostname}${where(handOut)} at ${when(handOut.at)}`;
    const sentence = `${handedOut}, ${count}, and has until ${until} for its receipt to be proven.`;
    return { reason: "awaiting_proof", sentence, hint: null };
  }
  const leased = `${rolloutId} is leased to ${hostname}${where(handOut)} until ${until}`;
  const sentence = `${leased}, which has not acknowledged it yet (${count}).`;
  return { reason: "leased", sentence, hint: null };
}

/** What is known of the receipt of a dispatch that was handed out for good. */
export function explainDelivered(dispatch: KnownDispatch, { events }: Facts, { now, time }: Telling): Answer {
  const when = whenFrom(now, time);
  const { hostname, rolloutId, changedAt } = dispatch;
  const handOut = latest(events, "delivered", "leased");
  const proof = latest(events, "confirmed");
  const handedOut = `${rolloutId} was handed out to ${hostname}${where(handOut)} at ${when(handOut?.at ?? changedAt)}`;
  if (proof !== undefined) {
    const sentence = `${handedOut}, and receipt was proven by ${proof.detail}.`;
    return { reason: "delivered_confirmed", sentence, hint: null };
  }
  return {
    reason: "delivered_unproven",
    sentence: `${handedOut}, but nothing proves that it was received.`,
    hint: "Enqueue it again if the host has not got it. Leases, and `serve --delivery confirmed`, prevent such doubts.",
  };
}

/** The latest of these kinds in the life of the latest enqueue. */
export function latest(events: readonly KnownEvent[], ...kinds: KnownEvent["kind"][]): KnownEvent | undefined {
  return timelineOf(events).findLast(({ event, isPresent }) => isPresent && kinds.includes(event.kind))?.event;
}

/** ` at 10.0.0.7 over http`. */
function where(event: KnownEvent | undefined): string {
  return `${event?.address ? ` at ${event.address}` : ""}${event?.wire ? ` over ${event.wire}` : ""}`;
}
