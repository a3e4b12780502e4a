import { stripVTControlCharacters } from "node:util";
import { type AgentEvent, type Dispatch, dispatchToJson, type LeaseCall, type LeasedDispatch } from "../agent/index.js";
import { formatElapsed } from "../words/elapsed.js";
import type { Io } from "./io.js";
import { printJson, printLine, printWarning } from "./output.js";

/** One that has just come. */
export function printDispatch(io: Io, dispatch: Dispatch, json: boolean): void {
  if (json) printJson(io, dispatchToJson(dispatch));
  else printLine(io, dispatchLine(dispatch));
}

function dispatchLine({ hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt }: Dispatch): string {
  const soak = `soak due ${formatElapsed(new Date(soakDueAt), new Date())}`;
  const cells = [enqueuedAt.padEnd(27), hostname, rolloutId.padEnd(24), soak.padEnd(18), targetClosure];
  return stripVTControlCharacters(cells.join("  ")).replace(/\p{Cc}/gu, "");
}

/** What `agent --lease --json` says of a dispatch when it is over. */
export interface OutcomeJson {
  readonly outcome: "acknowledged" | "rejected" | "lost" | "abandoned";
  /** Of a rejected one, what the server was told; of a lost one, how it was lost. */
  readonly reason?: string;
}

export function printOutcome(io: Io, { hostname, rolloutId, lease }: LeasedDispatch, outcome: OutcomeJson): void {
  printJson(io, { hostname, rollout_id: rolloutId, attempt: lease.attempt, ...outcome });
}

export function reportEvent(event: AgentEvent, io: Io): void {
  switch (event.type) {
    case "polled-empty":
      return;
    case "refused":
      printWarning(io, `dropped a dispatch for another host, ${event.dispatch.hostname}`);
      return;
    case "retrying":
      printWarning(io, `${event.cause.message}; asking again in ${seconds(event.delayMs)}`);
      return;
    case "retrying-call": {
      const { dispatch, call, cause, delayMs } = event;
      printWarning(io, `${dispatch.rolloutId}: ${doing[call]}: ${cause.message}; again in ${seconds(delayMs)}`);
      return;
    }
    default:
      event satisfies never;
  }
}

const doing = {
  acknowledge: "acknowledging",
  reject: "rejecting",
  extend: "extending the lease",
} as const satisfies Record<LeaseCall, string>;

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
