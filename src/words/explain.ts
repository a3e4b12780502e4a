import { evidenceFor } from "./evidence.js";
import { explainDelivered, explainLeased, latest } from "./explain-handed-out.js";
import { explainExpired, explainWaiting } from "./explain-waiting.js";
import type { Answer, Explanation, Facts, Telling, When } from "./explanation.js";
import type { KnownDispatch } from "./record.js";
import { whenFrom } from "./times.js";

/** Answers "why has this host not got it?" from the facts alone. */
export function explain(facts: Facts, telling: Telling): Explanation {
  const { dispatch } = facts;
  const answer =
    dispatch === null ? neverEnqueued(facts, telling) : explainState[dispatch.state](dispatch, facts, telling);
  return { ...answer, evidence: evidenceFor(facts, telling) };
}

function neverEnqueued({ hostname, rolloutId, host }: Facts, { now, time }: Telling): Answer {
  const has = rolloutId === null ? "has nothing to get" : `has not got ${rolloutId}`;
  const under = rolloutId === null ? "" : " under this rollout";
  const seenAt = host?.lastSeenAt ?? null;
  const polls = seenAt === null ? "has never polled" : `last polled at ${whenFrom(now, time)(seenAt)}`;
  return {
    reason: "never_enqueued",
    sentence: `${hostname} ${has} because nothing was enqueued for it${under}${host === null ? "" : `; it ${polls}`}.`,
    hint: "Check how it is spelt. What is done for longer than the server keeps it is forgotten, too.",
  };
}

type ExplainState = (dispatch: KnownDispatch, facts: Facts, telling: Telling) => Answer;

const explainState = {
  pending: explainWaiting,
  leased: explainLeased,
  delivered: explainDelivered,
  acknowledged: withWhen(({ hostname, rolloutId, changedAt }, _facts, when) => ({
    reason: "acknowledged",
    sentence: `${hostname} has got ${rolloutId}, and acknowledged it at ${when(changedAt)}.`,
    hint: null,
  })),
  rejected: withWhen(({ hostname, rolloutId, changedAt, reason }, _facts, when) => ({
    reason: "rejected",
    sentence: `${hostname} has got ${rolloutId}, but rejected it at ${when(changedAt)}${because(reason ?? "")}.`,
    hint: `Remove the cause on ${hostname}, then enqueue it again.`,
  })),
  cancelled: withWhen(({ hostname, rolloutId, changedAt }, { events }, when) => {
    const event = latest(events, "cancelled");
    const cancelled = `${event?.actor ?? "an operator"} cancelled it at ${when(changedAt)}${because(event?.detail ?? "")}`;
    const sentence = `${hostname} has not got ${rolloutId} because ${cancelled}.`;
    return { reason: "cancelled", sentence, hint: "Enqueue it again if it is wanted after all." };
  }),
  superseded: withWhen(({ hostname, rolloutId, changedAt }, { events }, when) => {
    const by = latest(events, "superseded")?.detail.replace(/^by /, "") || "a newer dispatch";
    const sentence = `${hostname} has not got ${rolloutId} because ${by} took its place at ${when(changedAt)}.`;
    return { reason: "superseded", sentence, hint: null };
  }),
  expired: withWhen((dispatch, _facts, when) => explainExpired(dispatch, when)),
  dead: withWhen(({ hostname, rolloutId, changedAt, attempt }, { events }, when) => {
    const why = latest(events, "dead")?.detail.replace(/; no attempt is left$/, "") ?? "";
    const attempts = attempt === 1 ? "its only attempt" : `the last of ${attempt} attempts`;
    const sentence = `${rolloutId} was given up for ${hostname} at ${when(changedAt)}, after ${attempts}${because(why)}.`;
    return {
      reason: "dead",
      sentence,
      hint: `Find out on ${hostname} what its agent does with it, then enqueue it again.`,
    };
  }),
  unknown: ({ hostname, rolloutId }) => ({
    reason: "unknown_state",
    sentence: `${rolloutId} for ${hostname} is in a state that this version of the program does not know.`,
    hint: "Use the program in the version of the server.",
  }),
} as const satisfies Record<KnownDispatch["state"], ExplainState>;

function withWhen(explain: (dispatch: KnownDispatch, facts: Facts, when: When) => Answer): ExplainState {
  return (dispatch, facts, { now, time }) => explain(dispatch, facts, whenFrom(now, time));
}

/** What somebody gave as the reason, so that the sentence ends once. */
function because(reason: string): string {
  return reason === "" ? "" : `: ${reason.replace(/[\s.]+$/, "")}`;
}
