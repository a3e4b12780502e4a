import type { Instant } from "../dispatch/instant.js";
import { formatElapsed } from "./elapsed.js";
import { eventTexts } from "./event-text.js";
import type { Facts, Telling } from "./explanation.js";
import type { KnownDispatch, KnownHost } from "./record.js";
import { folded, timelineOf } from "./timeline.js";
import { dateOf, whenFrom } from "./times.js";

/** What an answer rests on, a line each: what happened last, what is known of the host, what else waits for it. */
export function evidenceFor(facts: Facts, telling: Telling): string[] {
  const { dispatch, host } = facts;
  return [
    ...(dispatch === null ? [] : whatHappened(dispatch, facts, telling)),
    ...(host === null ? [] : hostLines(host, telling)),
    ...besides(facts, telling),
  ];
}

/** Of the latest enqueue, the enqueue itself and so many more. */
const mostEventLines = 8;

function whatHappened(dispatch: KnownDispatch, { events }: Facts, { time }: Telling): string[] {
  const present = folded(timelineOf(events).filter(({ isPresent }) => isPresent));
  const texts = eventTexts(present, dispatch, time);
  const lines = present.map(({ event }, i) => `${time.fine(event.at)}  ${texts[i]}`);
  const [first, ...rest] = lines;
  if (first === undefined) return [`enqueued at ${time.plain(dispatch.enqueuedAt)}`];
  return [first, ...rest.slice(-mostEventLines)];
}

/** What is known of a host that polls, or does not. */
export function hostLines(host: KnownHost, { now, time }: Telling): string[] {
  const when = whenFrom(now, time);
  const { hostname, lastSeenAt, address, wire, agentVersion, parkedPolls, parkedSince } = host;
  const { certificateNotAfter, revokedBefore } = host;
  if (lastSeenAt === null) return [`${hostname} has never polled, or not for longer than history is kept`];
  const from = `${address === null ? "" : ` from ${address}`}${wire === null ? "" : ` over ${wire}`}`;
  const as = agentVersion === null ? "" : ` as ${agentVersion}`;
  const isOver = certificateNotAfter !== null && certificateNotAfter <= now;
  const polls = parkedPolls === 0 ? "no poll" : parkedPolls === 1 ? "1 poll" : `${parkedPolls} polls`;
  return [
    `${hostname} last polled at ${when(lastSeenAt)}${from}${as}`,
    `${polls} of it parked at this server now${parkedSince === null ? "" : `, since ${when(parkedSince)}`}`,
    ...(certificateNotAfter === null
      ? []
      : [`its certificate ${isOver ? "expired" : "is valid until"} ${when(certificateNotAfter)}`]),
    ...(revokedBefore === null ? [] : [`revoked: its certificates issued before ${when(revokedBefore)} are refused`]),
  ];
}

/** Its end, if it has one, and the host's other dispatches that may have to do with it. */
function besides({ dispatch, others }: Facts, { now, time }: Telling): string[] {
  const ago = ({ changedAt }: KnownDispatch) => formatElapsed(dateOf(changedAt), dateOf(now));
  const busy = others
    .filter(({ state }) => state === "leased")
    .map((other) => `${other.rolloutId} was handed out to it ${ago(other)}, and it may be busy with that`);
  if (dispatch?.state !== "pending") return busy;
  const ahead = others.filter((other) => isAhead(other, dispatch, now)).length;
  const { notAfter } = dispatch;
  return [
    ...(notAfter === null || notAfter <= now ? [] : [`it expires at ${whenFrom(now, time)(notAfter)}`]),
    ...(ahead === 0 ? [] : [`${ahead} older ${ahead === 1 ? "dispatch waits" : "dispatches wait"} ahead of it`]),
    ...busy,
  ];
}

function isAhead(other: KnownDispatch, dispatch: KnownDispatch, now: Instant): boolean {
  const { state, enqueuedAt, notBefore } = other;
  return state === "pending" && enqueuedAt < dispatch.enqueuedAt && (notBefore === null || notBefore <= now);
}
