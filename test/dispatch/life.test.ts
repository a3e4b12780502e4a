import { describe, expect, test } from "vitest";
import { type DispatchRow, dispatchStates } from "../../src/dispatch/dispatch.js";
import { eventKinds } from "../../src/dispatch/event.js";
import { instantFromMs, type Moment, type Steady } from "../../src/dispatch/instant.js";
import type { LeaseToken, TakeTerms } from "../../src/dispatch/lease.js";
import {
  type Change,
  enqueued,
  fallenDue,
  isTakeable,
  type Step,
  type StepResult,
  stepped,
  superseded,
  taken,
} from "../../src/dispatch/life.js";
import { newDispatch, origin, rollout, taker, tokenOf } from "../support/dispatches.js";
import { cells } from "./life-table.js";

const startMs = Date.UTC(2026, 4, 16);
const at = (ms: number) => instantFromMs(startMs + ms);
/** Far from the wall's, so that nothing can take one for the other. */
const steadyAt = (ms: number) => (7_000_000_000 + ms * 1_000) as Steady;
const moment: Moment = { now: at(100_000), steady: steadyAt(100_000) };
const held = tokenOf(1);

const pending: DispatchRow = {
  ...newDispatch("web-01", "stable@aa", "same", { maxAttempts: 3 }),
  enqueuedAt: at(0),
  sequence: 5,
  state: "pending",
  attempt: 0,
  leaseToken: null,
  leaseEndsAt: null,
  leaseExpiresAt: null,
  reason: null,
  changedAt: at(0),
};
/** A microsecond is left of it. */
const leased: DispatchRow = {
  ...pending,
  state: "leased",
  attempt: 2,
  leaseToken: held,
  leaseEndsAt: (moment.steady + 1) as Steady,
  leaseExpiresAt: at(40_000),
  changedAt: at(10_000),
};
const over = { leaseEndsAt: moment.steady };
const noLease = { leaseEndsAt: null, leaseExpiresAt: null };
const plain = { ...noLease, leaseToken: null };

const situations: Readonly<Record<string, DispatchRow | undefined>> = {
  "nothing known": undefined,
  pending,
  "pending again": { ...pending, attempt: 1 },
  "pending, too early": { ...pending, notBefore: at(100_001) },
  "pending, too late": { ...pending, notAfter: moment.now },
  leased,
  "lease over": { ...leased, ...over },
  "last lease over": { ...leased, ...over, attempt: 3 },
  unproven: { ...leased, leaseToken: null },
  "unproven, time over": { ...leased, ...over, leaseToken: null },
  delivered: { ...leased, ...plain, state: "delivered" },
  "delivered for last": { ...leased, ...plain, state: "delivered", attempt: 3 },
  "acknowledged, leased": { ...leased, ...noLease, state: "acknowledged" },
  "acknowledged, plain": { ...leased, ...plain, state: "acknowledged" },
  "rejected, leased": { ...leased, ...noLease, state: "rejected", reason: "broke" },
  "rejected, plain": { ...leased, ...plain, state: "rejected", reason: "broke" },
  cancelled: { ...pending, state: "cancelled" },
  superseded: { ...pending, state: "superseded" },
  expired: { ...pending, state: "expired" },
  dead: { ...pending, state: "dead", attempt: 3 },
};

type Outcome = Change | Omit<Change, "event"> | StepResult | undefined | "never";

/** What each column of the table does to a row. */
const steps: Readonly<Record<string, (row: DispatchRow | undefined) => Outcome>> = {
  "enqueue, same closure": (row) => enqueue(row, "same"),
  "enqueue, other closure": (row) => enqueue(row, "other"),
  supersede: (row) =>
    row?.state === "pending" ? superseded(row, { ...row, rolloutId: rollout("stable@bb") }, moment, origin()) : "never",
  cancel: (row) => stepped(row, { kind: "cancel", ...pending, origin: origin(), reason: "" }, moment),
  time: (row) => (row === undefined ? "never" : fallenDue(row, moment)),
  take: (row) => take(row, { kind: "once" }),
  "take, to be proven": (row) => take(row, { kind: "confirmed", withinMs: 30_000 }),
  "take, leased": (row) => take(row, { kind: "lease", leaseMs: 60_000 }),
  "give back": (row) => stepped(row, { kind: "giveBack", take: { ...(row ?? pending) } }, moment),
  "give back, older take": (row) => stepped(row, { kind: "giveBack", take: older(row) }, moment),
  confirm: (row) => confirm(row, row ?? pending),
  "confirm, older take": (row) => confirm(row, older(row)),
  acknowledge: (row) => say(row, "acknowledge", held),
  "acknowledge, other token": (row) => say(row, "acknowledge", tokenOf(2)),
  "acknowledge, no token": (row) => say(row, "acknowledge", undefined),
  reject: (row) => say(row, "reject", held),
  "reject, other token": (row) => say(row, "reject", tokenOf(2)),
  "reject, no token": (row) => say(row, "reject", undefined),
  extend: (row) => extend(row, held),
  "extend, other token": (row) => extend(row, tokenOf(2)),
};

function enqueue(row: DispatchRow | undefined, closure: string): Outcome {
  const { row: next, event } = enqueued(row, newDispatch("web-01", "stable@aa", closure), {
    sequence: 9,
    moment,
    origin: origin(),
  });
  return event === undefined ? { row: next } : { row: next, event };
}

function take(row: DispatchRow | undefined, terms: TakeTerms): Outcome {
  return row !== undefined && isTakeable(row, moment) ? taken(row, taker(terms), moment, () => held) : "never";
}

function confirm(row: DispatchRow | undefined, of: DispatchRow): Outcome {
  return stepped(row, { kind: "confirm", take: of, origin: origin("agent"), proof: "" }, moment);
}

function older(row: DispatchRow | undefined): DispatchRow {
  const { attempt, ...rest } = row ?? pending;
  return { ...rest, attempt: attempt - 1 };
}

function say(row: DispatchRow | undefined, kind: "acknowledge" | "reject", token: LeaseToken | undefined): Outcome {
  const { hostname, rolloutId } = pending;
  const step: Step = { kind, hostname, rolloutId, token, origin: origin("agent"), reason: "broke" };
  return stepped(row, step, moment);
}

function extend(row: DispatchRow | undefined, token: LeaseToken): Outcome {
  const { hostname, rolloutId } = pending;
  return stepped(row, { kind: "extend", hostname, rolloutId, token, leaseMs: 9_000, origin: origin("agent") }, moment);
}

/** In the words of the table. */
function inWords(outcome: Outcome): string {
  if (outcome === "never") return "-";
  if (outcome === undefined) return ".";
  if ("ok" in outcome) return outcome.ok ? inWords(outcome.change) : `! ${outcome.error.reason}`;
  return "event" in outcome ? `${outcome.row.state}: ${outcome.event.kind}` : outcome.row.state;
}

function changeOf(outcome: Outcome): Change | undefined {
  if (outcome === undefined || outcome === "never") return undefined;
  if ("ok" in outcome) return outcome.ok ? outcome.change : undefined;
  return "event" in outcome ? outcome : undefined;
}

const does = (situation: string, step: string): Outcome => steps[step]?.(situations[situation]);

describe("the life of a dispatch", () => {
  test.each(cells)("$situation / $step: $expected", ({ situation, step, expected }) => {
    expect(situations).toHaveProperty([situation]);
    expect(inWords(does(situation, step))).toBe(expected);
  });

  test("is told whole: each situation with each step, each state, each event", () => {
    const told = new Set(cells.map(({ situation, step }) => `${situation} / ${step}`));
    const all = Object.keys(situations).flatMap((name) => Object.keys(steps).map((step) => `${name} / ${step}`));
    expect([...told].sort()).toEqual(all.sort());
    const states = new Set(Object.values(situations).map((row) => row?.state));
    expect(dispatchStates.filter((state) => !states.has(state))).toEqual([]);
    const events = new Set(cells.map(({ expected }) => expected.split(": ")[1]));
    // What is flushed is noted, and changes nothing.
    expect(eventKinds.filter((kind) => !events.has(kind))).toEqual(["flushed"]);
  });
});

describe("every change", () => {
  const changes = cells.flatMap(({ situation, step }) => {
    const change = changeOf(does(situation, step));
    return change === undefined ? [] : [{ before: situations[situation], step, ...change }];
  });

  test("has an end of the lease while, and only while, the state is leased", () => {
    for (const { row } of changes) {
      expect(row.leaseEndsAt !== null, row.state).toBe(row.state === "leased");
      expect(row.leaseExpiresAt !== null, row.state).toBe(row.state === "leased");
    }
  });

  test("is of now, by the server's clock, in the row and in the history", () => {
    for (const { row, event, step } of changes) {
      expect(event.at).toBe(moment.now);
      if (step !== "extend") expect(row.changedAt).toBe(moment.now);
    }
  });

  test("keeps who and what it is, and the attempts that were made, but for an enqueue, which begins anew", () => {
    for (const { before, row, step } of changes) {
      if (step.startsWith("enqueue")) {
        expect(row).toMatchObject({ attempt: 0, reason: null, sequence: 9, enqueuedAt: moment.now, leaseToken: null });
        continue;
      }
      const { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, maxAttempts } = before ?? pending;
      expect(row).toMatchObject({ hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt, sequence, maxAttempts });
      expect(row.attempt).toBe((before?.attempt ?? 0) + (step.startsWith("take") ? 1 : 0));
    }
  });

  test("tells of the attempt that it is about", () => {
    for (const { row, event } of changes) expect(event.attempt).toBe(row.attempt);
  });

  test("leaves what is over as it is, but for an enqueue", () => {
    const isOver = /acknowledged|rejected|cancelled|superseded|expired|dead/;
    const left = changes.filter(({ before, step }) => isOver.test(before?.state ?? "") && !step.startsWith("enqueue"));
    expect(left).toEqual([]);
  });
});

describe("a lease", () => {
  test("ends by the steady clock and is shown by the wall's", () => {
    const change = changeOf(does("pending", "take, leased"));
    expect(change?.row).toMatchObject({
      leaseEndsAt: steadyAt(160_000),
      leaseExpiresAt: at(160_000),
      leaseToken: held,
    });
    expect(changeOf(does("leased", "extend"))?.row).toMatchObject({
      leaseEndsAt: steadyAt(109_000),
      leaseExpiresAt: at(109_000),
      leaseToken: held,
      changedAt: leased.changedAt,
    });
  });

  test("that only waits for proof has no token", () => {
    expect(changeOf(does("pending", "take, to be proven"))?.row).toMatchObject({
      leaseEndsAt: steadyAt(130_000),
      leaseToken: null,
    });
  });

  test("keeps its token beyond the answer, to know a repeated one, and loses it when it runs out", () => {
    expect(changeOf(does("leased", "acknowledge"))?.row.leaseToken).toBe(held);
    expect(changeOf(does("leased", "reject"))?.row.leaseToken).toBe(held);
    expect(changeOf(does("lease over", "time"))?.row.leaseToken).toBeNull();
  });
});

describe("an agent that comes too late is told why", () => {
  const messages = Object.entries(situations).flatMap(([situation, row]) => {
    const outcome = row === undefined ? undefined : say(row, "acknowledge", tokenOf(2));
    return outcome !== undefined && outcome !== "never" && "ok" in outcome && !outcome.ok
      ? [[situation, outcome.error.message] as const]
      : [];
  });

  test.each([
    ["pending again", "this attempt is over: the dispatch is waiting to be taken (again)"],
    ["leased", "this attempt is over: the dispatch is taken anew"],
    ["lease over", "the lease has run out"],
    ["delivered", "this attempt is over: the dispatch is delivered"],
    ["acknowledged, leased", "this attempt is over: the dispatch is acknowledged"],
    ["rejected, leased", "this attempt is over: the dispatch is rejected"],
    ["cancelled", "this attempt is over: the dispatch is cancelled"],
    ["superseded", "this attempt is over: the dispatch is superseded"],
    ["expired", "this attempt is over: the dispatch is expired"],
    ["dead", "this attempt is over: the dispatch is given up after its last attempt"],
  ])("%s: %s", (situation, message) => {
    expect(new Map(messages).get(situation)).toBe(message);
  });

  test("that a token is needed, where it gave none for what it holds under a lease", () => {
    const outcome = say(leased, "acknowledge", undefined);
    expect(outcome).toMatchObject({
      error: { message: "the dispatch was taken under a lease; lease_token is needed" },
    });
  });
});
