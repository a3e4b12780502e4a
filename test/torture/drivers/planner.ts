import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { EnqueueOutcome } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Enqueue, Pair } from "../checker/history.js";
import { failureOf, type Identity, type OperatorClient, operatorClient } from "./clients.js";
import { pause, type Stage } from "./stage.js";

/** What a planner has decided. */
export interface Decision extends Pair {
  readonly closure: string;
  readonly maxAttempts: number;
}

/** Of rollouts that are enqueued for themselves, and of those that may supersede one another. */
export interface Channels {
  readonly plain: string;
  readonly superseding: string;
}

export interface PlannerHabits {
  readonly identity: Identity;
  readonly hostnames: readonly string[];
  readonly channels: Channels;
  /** What was decided last, for all drivers to see. */
  readonly decisions: Decision[];
  /** A number that no planner has had before. */
  readonly nextNumber: () => number;
}

const soakDueAt = timestampFromDate(new Date(Date.UTC(2026, 4, 16)));

/** How many decisions somebody may come back to. */
const maxRemembered = 200;

/** Enqueues, repeats itself, changes its mind, and says again what got no answer. */
export async function drivePlanner(stage: Stage, habits: PlannerHabits): Promise<void> {
  const { dice, calm, servers } = stage;
  const clients = servers.map((url) => operatorClient(url, habits.identity));
  let unanswered: readonly Decision[] = [];
  while (!calm.aborted) {
    const supersede = dice.chance(0.1);
    const decisions = dice.chance(0.5) && unanswered.length > 0 ? unanswered : newDecisions(stage, habits, supersede);
    const isAnswered = await enqueue(stage, dice.pick(clients), { decisions, supersede });
    unanswered = isAnswered ? [] : decisions;
    await pause(dice.between(10, 100), calm);
  }
  for (const client of clients) client.close();
}

interface Batch {
  readonly decisions: readonly Decision[];
  readonly supersede: boolean;
}

async function enqueue({ recorder }: Stage, { calls }: OperatorClient, batch: Batch): Promise<boolean> {
  const { decisions, supersede } = batch;
  const fromMs = recorder.now();
  const dispatches = decisions.map(({ closure, ...rest }) => ({ ...rest, targetClosure: closure, soakDueAt }));
  const answer = await calls.enqueueDispatches({ dispatches, supersede }).catch(failureOf);
  const toMs = recorder.now();
  for (const [i, decision] of decisions.entries()) {
    const result = typeof answer === "string" ? answer : wordFor(answer.results[i]?.outcome);
    recorder.add({ kind: "enqueue", ...decision, supersede, fromMs, toMs, result });
  }
  return typeof answer !== "string";
}

function wordFor(outcome: EnqueueOutcome | undefined): Enqueue["result"] {
  if (outcome === EnqueueOutcome.CREATED) return "created";
  if (outcome === EnqueueOutcome.REPLACED) return "replaced";
  if (outcome === EnqueueOutcome.KEPT) return "kept";
  throw new Error(`an enqueue without an outcome: ${outcome}`);
}

function newDecisions({ dice }: Stage, habits: PlannerHabits, supersede: boolean): Decision[] {
  const { decisions: known, hostnames, channels } = habits;
  const count = dice.whole(1, 6);
  const fresh = Array.from({ length: count }, () => {
    const old = known.length > 0 && dice.chance(0.08) ? dice.pick(known) : undefined;
    // The same once more, as planners do on every tick.
    if (old !== undefined && dice.chance(0.5)) return old;
    const number = habits.nextNumber();
    const channel = supersede || dice.chance(0.1) ? channels.superseding : channels.plain;
    const pair = old ?? { hostname: dice.pick(hostnames), rolloutId: `${channel}@${number.toString(16)}` };
    const { hostname, rolloutId } = pair;
    const maxAttempts = dice.chance(0.1) ? dice.whole(1, 3) : 100;
    return { hostname, rolloutId, closure: `/nix/store/${number}-nixos-system-${hostname}`, maxAttempts };
  });
  known.push(...fresh);
  known.splice(0, known.length - maxRemembered);
  // Two of one pair in one call have no order that a client could know.
  return [...new Map(fresh.map((decision) => [`${decision.hostname} ${decision.rolloutId}`, decision])).values()];
}
