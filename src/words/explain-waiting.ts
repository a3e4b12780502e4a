import type { Instant } from "../dispatch/instant.js";
import { formatDuration } from "./elapsed.js";
import { latest } from "./explain-handed-out.js";
import type { Answer, Facts, Telling, When } from "./explanation.js";
import type { KnownDispatch, KnownEvent, KnownHost } from "./record.js";
import { whenFrom } from "./times.js";

/** An agent polls for up to 60 s, and 5 s after an error; who was not seen for longer does not poll. */
const longestBetweenPollsMs = 75_000;

/** Why a dispatch that waits is not handed out. */
export function explainWaiting(dispatch: KnownDispatch, { host, events }: Facts, telling: Telling): Answer {
  const when = whenFrom(telling.now, telling.time);
  const { hostname, rolloutId, notBefore, notAfter } = dispatch;
  if (notAfter !== null && notAfter <= telling.now) return explainExpired(dispatch, when);
  if (notBefore !== null && notBefore > telling.now) {
    const sentence = `${hostname} has not got ${rolloutId} because it is not handed out before ${when(notBefore)}.`;
    return { reason: "not_before", sentence, hint: null };
  }
  const waits = `${rolloutId} has been waiting for ${hostname} since ${when(waitingSince(dispatch))}`;
  const { reason, because, hint } = whyUntaken(hostname, host, telling);
  return { reason, sentence: `${waits}${cameBack(dispatch, events)}, ${because}.`, hint };
}

export function explainExpired({ hostname, rolloutId, notAfter, changedAt }: KnownDispatch, when: When): Answer {
  const end = when(notAfter ?? changedAt);
  return {
    reason: "expired",
    sentence: `${hostname} has not got ${rolloutId} because its not_after, ${end}, passed while it was waiting.`,
    hint: "Enqueue it again with a later not_after if it is still wanted.",
  };
}

interface Because extends Omit<Answer, "sentence"> {
  /** The rest of the sentence. */
  readonly because: string;
}

function whyUntaken(hostname: string, host: KnownHost | null, { now, time }: Telling): Because {
  const when = whenFrom(now, time);
  const hint = `Check on ${hostname} that its agent runs, asks this server, and has a certificate in the name of ${hostname}.`;
  if (host === null) return { reason: "waiting", because: "and nothing is known of the host", hint };
  if (host.parkedPolls > 0) return parkedHere(host, when);
  if (host.revokedBefore !== null) return revoked(hostname, when(host.revokedBefore));
  const { lastSeenAt, certificateNotAfter } = host;
  if (lastSeenAt === null) return { reason: "never_polled", because: `and ${hostname} has never polled`, hint };
  if (certificateNotAfter !== null && certificateNotAfter <= now) {
    return certificateExpired(hostname, when(lastSeenAt), when(certificateNotAfter));
  }
  const unseenMs = (now - lastSeenAt) / 1_000;
  if (unseenMs <= longestBetweenPollsMs) return betweenPolls(hostname, when(lastSeenAt));
  const unseen = `${formatDuration(unseenMs)}, since ${time.plain(lastSeenAt)}`;
  return { reason: "not_polling", because: `and ${hostname} has not polled for ${unseen}`, hint };
}

function parkedHere({ hostname, parkedPolls, parkedSince }: KnownHost, when: When): Because {
  const polls = parkedPolls === 1 ? `a poll of ${hostname} is` : `${parkedPolls} polls of ${hostname} are`;
  const since = parkedSince === null ? "" : ` since ${when(parkedSince)}`;
  return {
    reason: "parked",
    because: `although ${polls} parked here right now${since}, so it should be handed out at once`,
    hint: "Ask again. If it still waits then, look into the server's log for errors of its store.",
  };
}

function revoked(hostname: string, instant: string): Because {
  return {
    reason: "revoked",
    because: `and certificates of ${hostname} that were issued before ${instant} are refused, since it is revoked`,
    hint: `Give ${hostname} a new certificate, or take the revocation back with: nixfleet-dispatch restore ${hostname}`,
  };
}

function certificateExpired(hostname: string, lastSeen: string, ended: string): Because {
  return {
    reason: "certificate_expired",
    because: `and the certificate with which ${hostname} last polled at ${lastSeen} has expired at ${ended}`,
    hint: `Give ${hostname} a new certificate.`,
  };
}

function betweenPolls(hostname: string, lastSeen: string): Because {
  return {
    reason: "between_polls",
    because: `and ${hostname} polled at ${lastSeen}, but has no poll parked at this server now`,
    hint: "It is between two polls, busy with a dispatch, or polls elsewhere, at another server.",
  };
}

/** Since when it could have been handed out. */
function waitingSince({ enqueuedAt, changedAt, attempt, notBefore }: KnownDispatch): Instant {
  const waits = attempt === 0 ? enqueuedAt : changedAt;
  return notBefore !== null && notBefore > waits ? notBefore : waits;
}

/** For one that was handed out before. */
function cameBack({ attempt, maxAttempts }: KnownDispatch, events: readonly KnownEvent[]): string {
  if (attempt === 0) return "";
  const why = latest(events, "lease_expired", "returned")?.detail ?? "";
  return `, when attempt ${attempt} of ${maxAttempts} came back${why === "" ? "" : ` (${why})`}`;
}
