import { CancelOutcome, type CancelResult } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { oneLine } from "../../words/one-line.js";
import { paintState } from "../history/style.js";
import type { Io } from "../io.js";
import { paint } from "../output.js";
import { type StateWord, stateWord } from "./state-word.js";

/** What became of one dispatch, or would become of it. */
export interface KnownCancel {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly isTooLate: boolean;
  /** After the call; of a dry run: before. */
  readonly state: StateWord;
}

export function knownCancel({ hostname, rolloutId, outcome, state }: CancelResult): KnownCancel {
  return {
    hostname: oneLine(hostname),
    rolloutId: oneLine(rolloutId),
    isTooLate: outcome !== CancelOutcome.CANCELLED,
    state: stateWord(state),
  };
}

/** What `--json` prints; see `dispatchJson` for what scripts can rely on. */
export function cancelJson({ hostname, rolloutId, isTooLate, state }: KnownCancel, isDryRun: boolean) {
  const outcome = isTooLate ? "too_late" : "cancelled";
  return { hostname, rollout_id: rolloutId, outcome, state, dry_run: isDryRun };
}

/** A line for each: what it is now, or what would be done to it. */
export function cancelLines(results: readonly KnownCancel[], isDryRun: boolean, io: Io): string[] {
  const done = isDryRun ? "would be cancelled" : "cancelled";
  return results.map(({ hostname, rolloutId, isTooLate, state }) => {
    const word = paint(io, io.stdout, isTooLate ? "red" : "yellow", isTooLate ? "too late".padEnd(done.length) : done);
    // Of what has just been cancelled the state is said already.
    const now = isTooLate || isDryRun ? `  ${paintState(io, state)}` : "";
    return `${word}  ${hostname}  ${rolloutId}${now}`;
  });
}

/** `498 dispatches cancelled, 2 too late (1 delivered, 1 acknowledged)`. */
export function cancelSummary(results: readonly KnownCancel[], isDryRun: boolean): string {
  const late = results.filter(({ isTooLate }) => isTooLate);
  const tooLate = late.length === 0 ? "" : `, ${late.length} too late (${countsOf(late)})`;
  return `${count(results.length - late.length)} ${isDryRun ? "would be cancelled" : "cancelled"}${tooLate}`;
}

export function count(dispatches: number): string {
  return dispatches === 1 ? "1 dispatch" : `${dispatches} dispatches`;
}

/** `2 delivered, 1 acknowledged`. */
export function countsOf(items: readonly { readonly state: StateWord }[]): string {
  const counts = new Map<StateWord, number>();
  for (const { state } of items) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, times]) => `${times} ${state}`).join(", ");
}
