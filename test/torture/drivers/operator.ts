import { CancelOutcome } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Cancel } from "../checker/history.js";
import { failureOf, type Identity, operatorClient } from "./clients.js";
import type { Decision } from "./planner.js";
import { pause, type Stage } from "./stage.js";

export interface OperatorHabits {
  readonly identity: Identity;
  readonly decisions: readonly Decision[];
}

/** Takes back what was decided lately, without knowing what has become of it. */
export async function driveOperator(stage: Stage, { identity, decisions }: OperatorHabits): Promise<void> {
  const { dice, calm, servers, recorder } = stage;
  const clients = servers.map((url) => operatorClient(url, identity));
  while (!calm.aborted) {
    // Mostly the youngest: the rest has long been fetched.
    const [decision] = dice.chance(0.5) ? decisions.slice(-1) : decisions.slice(-dice.whole(1, 20));
    if (decision !== undefined) {
      const { hostname, rolloutId } = decision;
      const fromMs = recorder.now();
      const { calls } = dice.pick(clients);
      const answer = await calls.cancelDispatches({ hostname, rolloutId, reason: "for the test" }).catch(failureOf);
      const result = typeof answer === "string" ? answer : wordFor(answer.results[0]?.outcome);
      recorder.add({ kind: "cancel", hostname, rolloutId, fromMs, toMs: recorder.now(), result });
    }
    await pause(dice.between(20, 300), calm);
  }
  for (const client of clients) client.close();
}

function wordFor(outcome: CancelOutcome | undefined): Cancel["result"] {
  if (outcome === undefined) return "absent";
  return outcome === CancelOutcome.CANCELLED ? "cancelled" : "too_late";
}
