import type { NewDispatch } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { EnqueueOutcome } from "../../dispatch/dispatch.js";
import { maxDispatchesPerEnqueue } from "../../dispatch/enqueue.js";
import { DispatchError } from "../../dispatch/errors.js";
import type { Instant } from "../../dispatch/instant.js";
import { parseDispatchLine } from "../../words/dispatch-line.js";
import type { Fleet } from "./fleet.js";
import { type PresenceWord, presenceOf } from "./summaries.js";

export interface BadLine {
  /** From 1. */
  readonly number: number;
  /** The field, and the rule it breaks. */
  readonly problem: string;
}

export interface ReadLines {
  readonly dispatches: readonly NewDispatch[];
  readonly bad: readonly BadLine[];
}

/** Every line, with all that are bad: who mends a file wants to know of each of them. Blank ones are left out, but counted. */
export function readLines(text: string, now: Date): ReadLines {
  const dispatches: NewDispatch[] = [];
  const bad: BadLine[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      dispatches.push(parseDispatchLine(line, now));
    } catch (thrown) {
      if (!(thrown instanceof DispatchError)) throw thrown;
      bad.push({ number: i + 1, problem: thrown.message });
    }
  }
  return { dispatches, bad };
}

/** What an enqueue would do to one dispatch. */
export interface PlannedDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly outcome: EnqueueOutcome;
  /** Older ones of the same host and channel that would be superseded. */
  readonly supersedes: readonly string[];
  /** Where its host is now. */
  readonly presence: PresenceWord;
}

export interface Plan {
  readonly items: readonly PlannedDispatch[];
  readonly outcomes: Readonly<Record<EnqueueOutcome, number>>;
  readonly superseded: number;
  readonly parked: number;
}

/**
 * What an enqueue would do, by the server's rules, to what the page knows; the server decides anew when it is asked. What
 * waits and what is leased is all known, so nothing that counts is missing.
 */
export function planEnqueue(fleet: Fleet, dispatches: readonly NewDispatch[], supersede: boolean, now: Instant): Plan {
  // Of two with the same pair the later replaces the earlier.
  const wanted = new Map(dispatches.map((dispatch) => [`${dispatch.hostname} ${dispatch.rolloutId}`, dispatch]));
  const items = [...wanted.values()].map((dispatch): PlannedDispatch => {
    const { hostname, rolloutId } = dispatch;
    const host = fleet.hosts.get(hostname);
    return {
      hostname,
      rolloutId,
      outcome: outcomeOf(fleet, dispatch),
      supersedes: supersede ? olderOf(fleet, dispatch) : [],
      presence: host === undefined ? "never" : presenceOf(host, now),
    };
  });
  const count = (outcome: EnqueueOutcome) => items.filter((item) => item.outcome === outcome).length;
  return {
    items,
    outcomes: { created: count("created"), replaced: count("replaced"), kept: count("kept") },
    superseded: items.reduce((sum, { supersedes }) => sum + supersedes.length, 0),
    parked: items.filter(({ presence }) => presence === "parked").length,
  };
}

function outcomeOf(fleet: Fleet, { hostname, rolloutId, targetClosure }: NewDispatch): EnqueueOutcome {
  const known = fleet.find(hostname, rolloutId);
  if (known?.state === "leased") return known.targetClosure === targetClosure ? "kept" : "replaced";
  return known?.state === "pending" ? "replaced" : "created";
}

function olderOf(fleet: Fleet, { hostname, rolloutId }: NewDispatch): string[] {
  const channel = channelOf(rolloutId);
  return [...(fleet.dispatchesOf.get(hostname)?.values() ?? [])]
    .filter((other) => other.state === "pending" && other.rolloutId !== rolloutId)
    .map((other) => other.rolloutId)
    .filter((other) => channelOf(other) === channel);
}

function channelOf(rolloutId: string): string {
  return rolloutId.split("@", 1)[0] ?? "";
}

/** In calls of at most so many. */
export function inCalls(dispatches: readonly NewDispatch[]): NewDispatch[][] {
  return Array.from({ length: Math.ceil(dispatches.length / maxDispatchesPerEnqueue) }, (_, i) =>
    dispatches.slice(i * maxDispatchesPerEnqueue, (i + 1) * maxDispatchesPerEnqueue),
  );
}
