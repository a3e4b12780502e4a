import { formatSpan } from "./elapsed.js";
import type { KnownDispatch, KnownEvent } from "./record.js";
import type { FoldedEntry } from "./timeline.js";
import type { TimeStyle } from "./times.js";

/** What else a line about an event can say. */
interface Context {
  /** `, attempt 2 of 10`. */
  readonly attempt: string;
  /** `, at the latest until …`; empty for a lease that is over. */
  readonly until: string;
}

/** What happened, in words: one for each entry. */
export function eventTexts(entries: readonly FoldedEntry[], dispatch: KnownDispatch, time: TimeStyle): string[] {
  const latestLease = entries.findLast(({ event }) => event.kind === "leased" || event.kind === "extended");
  return entries.map((entry) => {
    const { event, isPresent, more } = entry;
    const { leaseExpiresAt } = dispatch;
    const holds = entry === latestLease && isPresent && dispatch.state === "leased" && leaseExpiresAt !== null;
    const text = textOf[event.kind](event, {
      // How many there were to be of an earlier enqueue, nobody knows any more.
      attempt: isPresent ? `, attempt ${event.attempt} of ${dispatch.maxAttempts}` : `, attempt ${event.attempt}`,
      until: holds ? `, at the latest until ${time.plain(leaseExpiresAt)}` : "",
    });
    return more === 0 ? text : `${text} (and ${more} more times until the last one)`;
  });
}

/** What the server says of a hand-out under confirmed delivery. */
export function isUntilProven({ kind, detail }: KnownEvent): boolean {
  return kind === "leased" && detail !== "";
}

const textOf = {
  enqueued: (event) => `enqueued by ${who(event)}`,
  replaced: (event) => `enqueued again by ${who(event)}, over what was there`,
  superseded: (event) => `superseded ${event.detail}, enqueued by ${who(event)}`,
  delivered: (event, { attempt }) => `handed out to ${who(event)}${attempt}, without a lease; ${found(event)}`,
  leased: (event, { attempt, until }) => {
    const terms = isUntilProven(event) ? event.detail : "under a lease";
    return `handed out to ${who(event)}${attempt}, ${terms}${until}; ${found(event)}`;
  },
  flushed: () => "the answer has left the server whole, which proves no receipt",
  confirmed: (event) => `receipt proven by ${event.detail}`,
  extended: (event, { until }) => `lease extended by ${who(event)}${until}`,
  acknowledged: (event) => `acknowledged by ${who(event)}`,
  rejected: (event) => `rejected by ${who(event)}: ${event.detail || "no reason given"}`,
  lease_expired: (event) => `${event.detail || "the lease ran out"}: it waits again`,
  returned: (event) => `${event.detail || "the answer did not leave"}: it waits again`,
  cancelled: (event) => `cancelled by ${who(event)}${event.detail === "" ? "" : `: ${event.detail}`}`,
  expired: () => "expired: its not_after passed while it was waiting",
  dead: (event) => `given up: ${event.detail || "no attempt is left"}`,
  unknown: (event) => `something that this version does not know, by ${who(event)} ${event.detail}`.trimEnd(),
} as const satisfies Record<KnownEvent["kind"], (event: KnownEvent, context: Context) => string>;

/** `alice at 10.0.0.2 over connect`. */
export function who({ actor, address, wire }: Pick<KnownEvent, "actor" | "address" | "wire">): string {
  return `${actor}${address === null ? "" : ` at ${address}`}${wire === null ? "" : ` over ${wire}`}`;
}

function found({ parkedMs }: KnownEvent): string {
  return parkedMs === null ? "its poll found it at once" : `its poll had been parked for ${formatSpan(parkedMs)}`;
}
