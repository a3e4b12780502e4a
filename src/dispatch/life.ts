import type { DispatchKey, DispatchRow, EnqueueOutcome, NewDispatch, TakeKey } from "./dispatch.js";
import { DispatchError } from "./errors.js";
import { type EventKind, eventOf, type NewEvent } from "./event.js";
import type { Instant, Moment, Steady } from "./instant.js";
import type { LeaseToken, TakeTerms } from "./lease.js";
import { byServer, type Origin } from "./origin.js";

/**
 * The life of a dispatch, as pure functions from a row to the next one. Stores look rows up and keep them; what may become
 * of one is said here and nowhere else.
 *
 * ```
 *            enqueue               take (once)                              ack
 *  (none) ──────────────▶ pending ─────────────────▶ delivered ─────────────────▶ acknowledged
 *                          ▲  │ ▲                     ▲   │ │
 *      lease ran out, or   │  │ │  answer did not     │   │ └── reject ───────────▶ rejected
 *      receipt not proven  │  │ └──── leave ──────────┼───┘
 *                          │  │ take (lease,          │ receipt proven
 *                          │  ▼       confirmed)      │
 *                          └─ leased ─────────────────┴── ack, reject ──▶ acknowledged, rejected
 *                              │
 *                              └ attempts used up ▶ dead
 *
 *  pending ── superseded by a newer enqueue ▶ superseded      pending ── not_after passed ▶ expired
 *  pending, leased ── cancel ▶ cancelled                      any state ── enqueue ▶ pending
 * ```
 */
export interface Change {
  readonly row: DispatchRow;
  readonly event: NewEvent;
}

const noLease = { leaseToken: null, leaseEndsAt: null, leaseExpiresAt: null } as const;

/** What an enqueue makes of the row under its pair. Without an event where nothing changes but the soak. */
export function enqueued(
  old: DispatchRow | undefined,
  dispatch: NewDispatch,
  { sequence, moment, origin }: { readonly sequence: number; readonly moment: Moment; readonly origin: Origin },
): { readonly row: DispatchRow; readonly outcome: EnqueueOutcome; readonly event: NewEvent | undefined } {
  if (old !== undefined && isLeaseLive(old, moment) && old.targetClosure === dispatch.targetClosure) {
    return { row: { ...old, soakDueAt: dispatch.soakDueAt }, outcome: "kept", event: undefined };
  }
  const row: DispatchRow = {
    hostname: dispatch.hostname,
    rolloutId: dispatch.rolloutId,
    targetClosure: dispatch.targetClosure,
    soakDueAt: dispatch.soakDueAt,
    notBefore: dispatch.notBefore,
    notAfter: dispatch.notAfter,
    maxAttempts: dispatch.maxAttempts,
    enqueuedAt: moment.now,
    sequence,
    state: "pending",
    attempt: 0,
    ...noLease,
    reason: null,
    changedAt: moment.now,
  };
  const outcome = old?.state === "pending" || old?.state === "leased" ? "replaced" : "created";
  return { row, outcome, event: eventOf(row, outcome === "created" ? "enqueued" : "replaced", origin) };
}

/** A newer dispatch of the same host and channel takes the place of one that waits. */
export function superseded(row: DispatchRow, by: DispatchKey, { now }: Moment, origin: Origin): Change {
  const next: DispatchRow = { ...row, state: "superseded", changedAt: now };
  return { row: next, event: eventOf(next, "superseded", origin, { detail: `by ${by.rolloutId}` }) };
}

/** Who takes, and how. */
export interface Taker {
  readonly terms: TakeTerms;
  readonly origin: Origin;
  /** How long the poll has been parked; `null` if this is its first look. */
  readonly parkedMs: number | null;
}

/** Whether a pending dispatch may be handed out now. */
export function isTakeable({ state, notBefore, notAfter }: DispatchRow, { now }: Moment): boolean {
  return state === "pending" && (notBefore === null || notBefore <= now) && (notAfter === null || notAfter > now);
}

/** What a take changes of a row, and its line of history. Whatever else is in the row stays, and need not be known for it. */
export interface Take {
  readonly changed: Pick<
    DispatchRow,
    "state" | "attempt" | "leaseToken" | "leaseEndsAt" | "leaseExpiresAt" | "changedAt"
  >;
  readonly event: NewEvent;
}

/** A row that `isTakeable` goes to a poll. */
export function taken(row: DispatchRow, taker: Taker, moment: Moment, newToken: () => LeaseToken): Change {
  const { changed, event } = taking(row, taker, moment, newToken);
  return { row: { ...row, ...changed }, event };
}

/** The same, for who has not read all of the row. */
export function taking(
  { hostname, rolloutId, attempt: before }: Pick<DispatchRow, "hostname" | "rolloutId" | "attempt">,
  { terms, origin, parkedMs }: Taker,
  moment: Moment,
  newToken: () => LeaseToken,
): Take {
  const attempt = before + 1;
  const at = { hostname, rolloutId, attempt, changedAt: moment.now };
  if (terms.kind === "once") {
    // In words: most takes are such, and two spreads cost more than the rest.
    const changed = {
      state: "delivered",
      attempt,
      leaseToken: null,
      leaseEndsAt: null,
      leaseExpiresAt: null,
      changedAt: moment.now,
    } as const;
    return { changed, event: eventOf(at, "delivered", origin, { parkedMs }) };
  }
  const isAsked = terms.kind === "lease";
  const lease = leaseFrom(moment, isAsked ? terms.leaseMs : terms.withinMs);
  const leaseToken = isAsked ? newToken() : null;
  return {
    changed: { state: "leased", attempt, leaseToken, ...lease, changedAt: moment.now },
    event: eventOf(at, "leased", origin, { parkedMs, detail: isAsked ? "" : unproven }),
  };
}

/** What the event says of a lease that is only there to wait for proof of receipt. */
export const unproven = "until receipt is proven";

/** What may be done to a dispatch after its take. */
export type Step =
  /** The answer did not leave. */
  | { readonly kind: "giveBack"; readonly take: TakeKey }
  /** Receipt is proven; `proof` says how. */
  | { readonly kind: "confirm"; readonly take: TakeKey; readonly origin: Origin; readonly proof: string }
  /** An operator takes it back; `reason` may be empty. */
  | ({ readonly kind: "cancel"; readonly origin: Origin; readonly reason: string } & DispatchKey)
  | ({ readonly kind: "acknowledge" } & AgentStep)
  | ({ readonly kind: "reject"; readonly reason: string } & AgentStep)
  | ({ readonly kind: "extend"; readonly leaseMs: number; readonly token: LeaseToken } & AgentStep);

/** What an agent says of a dispatch that it has taken. */
export interface AgentStep extends DispatchKey {
  /** `undefined` for one taken without a lease. */
  readonly token: LeaseToken | undefined;
  readonly origin: Origin;
}

/** `change` is absent where there was nothing to do: said before, or too late to matter. */
export type StepResult =
  | { readonly ok: true; readonly change: Change | undefined }
  | { readonly ok: false; readonly error: DispatchError };

export function keyOf(step: Step): DispatchKey {
  return "take" in step ? step.take : step;
}

/** What a step makes of the row under its pair. */
export function stepped(row: DispatchRow | undefined, step: Step, moment: Moment): StepResult {
  switch (step.kind) {
    case "giveBack": {
      const matches = row !== undefined && isSameTake(row, step.take);
      const isOut = matches && (row.state === "delivered" || row.state === "leased");
      return done(isOut ? backToPending(row, "returned", "the answer did not leave", moment.now) : undefined);
    }
    case "confirm": {
      const waits = row !== undefined && isSameTake(row, step.take) && isLeaseLive(row, moment);
      return done(waits && row.leaseToken === null ? confirmed(row, step.origin, step.proof, moment.now) : undefined);
    }
    case "cancel":
      return cancelled(row, step, moment);
    case "acknowledge":
      return onAttempt(row, step, moment, "acknowledged", (held) => {
        const next: DispatchRow = { ...held, ...ended(moment), state: "acknowledged" };
        return { row: next, event: eventOf(next, "acknowledged", step.origin) };
      });
    case "reject":
      return onAttempt(row, step, moment, "rejected", (held) => {
        const next: DispatchRow = { ...held, ...ended(moment), state: "rejected", reason: step.reason };
        return { row: next, event: eventOf(next, "rejected", step.origin, { detail: step.reason }) };
      });
    case "extend":
      return onAttempt(row, step, moment, undefined, (held) => {
        const next: DispatchRow = { ...held, ...leaseFrom(moment, step.leaseMs) };
        const event = { ...eventOf(next, "extended", step.origin), at: moment.now };
        return { row: next, event };
      });
    default:
      return step satisfies never;
  }
}

/** What the event says of a lease that was only there to wait for proof of receipt. */
export const notProven = "receipt was not proven in time";

/** What is due of a row by the passing of time alone, if anything is. */
export function fallenDue(row: DispatchRow, moment: Moment): Change | undefined {
  if (row.state === "leased" && !isLeaseLive(row, moment)) {
    const detail = row.leaseToken === null ? notProven : "the lease ran out";
    return backToPending(row, "lease_expired", detail, moment.now);
  }
  if (row.state === "pending" && row.notAfter !== null && row.notAfter <= moment.now) {
    const next: DispatchRow = { ...row, state: "expired", changedAt: moment.now };
    return { row: next, event: eventOf(next, "expired", byServer) };
  }
  return undefined;
}

function done(change: Change | undefined): StepResult {
  return { ok: true, change };
}

function isLeaseLive({ state, leaseEndsAt }: DispatchRow, { steady }: Moment): boolean {
  return state === "leased" && leaseEndsAt !== null && leaseEndsAt > steady;
}

function isSameTake(row: DispatchRow, { sequence, attempt }: TakeKey): boolean {
  return row.sequence === sequence && row.attempt === attempt;
}

/** For the same host again, unless its attempts are used up. */
function backToPending(row: DispatchRow, kind: EventKind, detail: string, now: Instant): Change {
  const isUsedUp = row.attempt >= row.maxAttempts;
  const next: DispatchRow = { ...row, state: isUsedUp ? "dead" : "pending", ...noLease, changedAt: now };
  if (!isUsedUp) return { row: next, event: eventOf(next, kind, byServer, { detail }) };
  return { row: next, event: eventOf(next, "dead", byServer, { detail: `${detail}; no attempt is left` }) };
}

function confirmed(row: DispatchRow, origin: Origin, proof: string, now: Instant): Change {
  const next: DispatchRow = { ...row, state: "delivered", ...noLease, changedAt: now };
  return { row: next, event: eventOf(next, "confirmed", origin, { detail: proof }) };
}

function cancelled(
  row: DispatchRow | undefined,
  { hostname, rolloutId, origin, reason }: Extract<Step, { kind: "cancel" }>,
  { now }: Moment,
): StepResult {
  if (row === undefined) return failed("unknown_dispatch", `no dispatch ${rolloutId} is known for ${hostname}`);
  if (row.state === "cancelled") return done(undefined);
  if (row.state !== "pending" && row.state !== "leased") {
    return failed("too_late", `the dispatch is ${wordOf[row.state]}`);
  }
  const next: DispatchRow = { ...row, state: "cancelled", ...noLease, changedAt: now };
  return done({ row: next, event: eventOf(next, "cancelled", origin, { detail: reason }) });
}

/** The token stays, so that what is said twice of one attempt can be told from what is said of an older one. */
function ended({ now }: Moment) {
  return { leaseEndsAt: null, leaseExpiresAt: null, changedAt: now };
}

function leaseFrom({ now, steady }: Moment, lengthMs: number) {
  return {
    // Sums of two of the same kind, which the brands cannot know.
    leaseEndsAt: (steady + lengthMs * 1_000) as Steady,
    leaseExpiresAt: (now + lengthMs * 1_000) as Instant,
  };
}

/** Does `apply` if the attempt that the step is about is the present one and not over; `already`: it has been done before. */
function onAttempt(
  row: DispatchRow | undefined,
  { hostname, rolloutId, token }: AgentStep,
  moment: Moment,
  already: "acknowledged" | "rejected" | undefined,
  apply: (row: DispatchRow) => Change,
): StepResult {
  if (row === undefined) {
    return failed("unknown_dispatch", `no dispatch ${rolloutId} is known for ${hostname}`);
  }
  if (token !== undefined && row.leaseToken !== token) return failed("attempt_over", overBecause(row, moment));
  if (token === undefined && row.leaseToken !== null && isOut(row, moment)) {
    return failed("attempt_over", "the dispatch was taken under a lease; lease_token is needed");
  }
  if (row.state === already) return done(undefined);
  return isOut(row, moment) ? done(apply(row)) : failed("attempt_over", overBecause(row, moment));
}

/** Handed out, and neither over nor done. */
function isOut(row: DispatchRow, moment: Moment): boolean {
  return row.state === "delivered" || isLeaseLive(row, moment);
}

function failed(reason: "unknown_dispatch" | "attempt_over" | "too_late", message: string): StepResult {
  return { ok: false, error: new DispatchError(reason, message) };
}

function overBecause(row: DispatchRow, moment: Moment): string {
  if (row.state === "leased" && !isLeaseLive(row, moment)) return "the lease has run out";
  return `this attempt is over: the dispatch is ${wordOf[row.state]}`;
}

const wordOf = {
  pending: "waiting to be taken (again)",
  leased: "taken anew",
  delivered: "delivered",
  acknowledged: "acknowledged",
  rejected: "rejected",
  cancelled: "cancelled",
  superseded: "superseded",
  expired: "expired",
  dead: "given up after its last attempt",
} as const satisfies Record<DispatchRow["state"], string>;
