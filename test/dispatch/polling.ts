import type { AgentPolls } from "../../src/dispatch/agent-polls.js";
import type { Taken } from "../../src/dispatch/dispatch.js";
import { DispatchError } from "../../src/dispatch/errors.js";
import type { TakeTerms } from "../../src/dispatch/lease.js";
import { host, origin } from "../support/dispatches.js";

/** A poll with what became of it: `waiting`, the rollout it got, `nothing`, or the reason of its error. */
export interface StartedPoll {
  outcome: string;
  taken: Taken | undefined;
  leave(): void;
}

export interface PollOptions {
  readonly waitMs?: number;
  readonly terms?: TakeTerms;
  readonly assertAllowed?: () => void;
}

/** Waits a minute for what counts as delivered at once, unless said otherwise. */
export function startPoll(polls: AgentPolls, hostname: string, options: PollOptions = {}): StartedPoll {
  const controller = new AbortController();
  const poll: StartedPoll = { outcome: "waiting", taken: undefined, leave: () => controller.abort() };
  const outcome = polls.poll({
    hostname: host(hostname),
    waitMs: options.waitMs ?? 60_000,
    terms: options.terms ?? { kind: "once" },
    caller: {
      origin: origin(hostname),
      leaving: controller.signal,
      assertAllowed: options.assertAllowed ?? (() => undefined),
    },
  });
  outcome.then(
    (taken) => {
      poll.taken = taken;
      poll.outcome = taken?.dispatch.rolloutId ?? "nothing";
    },
    (error: unknown) => {
      poll.outcome = error instanceof DispatchError ? error.reason : String(error);
    },
  );
  return poll;
}

/** What a poll was handed. */
export function takenBy({ taken, outcome }: StartedPoll): Taken {
  if (taken === undefined) throw new Error(`the poll took nothing: ${outcome}`);
  return taken;
}
