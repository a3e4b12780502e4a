import { describe, expect, test } from "vitest";
import { check } from "./check.js";
import type { Cancel, Enqueue, Entry, History, Row, Take, Told, Word } from "./history.js";

const pair = { hostname: "web-1", rolloutId: "stable@1" } as const;
const closure = "/nix/store/1";

function enqueue(fromMs: number, changes: Partial<Enqueue> = {}): Enqueue {
  const span = { fromMs, toMs: fromMs + 10 };
  return {
    kind: "enqueue",
    ...pair,
    closure,
    supersede: false,
    maxAttempts: 10,
    ...span,
    result: "created",
    ...changes,
  };
}

function take(fromMs: number, toMs: number, attempt: number | undefined, changes: Partial<Take> = {}): Take {
  const leaseMs = attempt === undefined ? undefined : 1_000;
  const result = { ...pair, closure, attempt };
  return { kind: "take", hostname: "web-1", server: "a", isConnected: true, leaseMs, fromMs, toMs, result, ...changes };
}

function word(kind: Word["kind"], fromMs: number, attempt: number, changes: Partial<Word> = {}): Word {
  const length = kind === "extend" ? { leaseMs: 1_000 } : {};
  return { kind, ...pair, closure, attempt, ...length, fromMs, toMs: fromMs + 10, result: "ok", ...changes };
}

function cancel(fromMs: number, result: Cancel["result"]): Cancel {
  return { kind: "cancel", ...pair, fromMs, toMs: fromMs + 10, result };
}

function row(state: string, attempt: number): Row {
  return { ...pair, closure, state, attempt };
}

function events(...words: string[]): Told[] {
  return words.map((told) => {
    const [kind = "", attempt] = told.split(" ");
    return { ...pair, kind, attempt: Number(attempt) };
  });
}

interface Rest {
  readonly rows?: readonly Row[];
  readonly events?: readonly Told[];
  readonly delivery?: History["delivery"];
}

/** The names of the rules that a history breaks. */
function brokenBy(entries: readonly Entry[], { rows = [], events = [], delivery = { kind: "once" } }: Rest): string[] {
  const verdicts = check({ delivery, entries, ending: { rows, events } }, { withinMs: 1_000 });
  return verdicts.filter(({ violations }) => violations.length > 0).map(({ rule }) => rule);
}

const redelivered = [enqueue(0), take(20, 30, 1), take(40, 1_050, 2), word("acknowledge", 1_060, 2)];
const itsEvents = events("enqueued 0", "leased 1", "lease_expired 1", "leased 2", "acknowledged 2");
const itsEnd = { rows: [row("acknowledged", 2)], events: itsEvents };
const confirmed = { kind: "confirmed", withinMs: 1_000 } as const;

describe("a history that is as it should be breaks nothing", () => {
  test.each<[string, readonly Entry[], Rest]>([
    ["redelivered when the lease was over, and acknowledged", redelivered, itsEnd],
    [
      "delivered once",
      [enqueue(0), take(20, 30, undefined)],
      { rows: [row("delivered", 1)], events: events("enqueued 0", "delivered 1", "flushed 1") },
    ],
    [
      "swallowed by a poll without an answer, with delivery once",
      [enqueue(0), take(20, 30, undefined, { result: "unknown" })],
      { rows: [row("delivered", 1)], events: events("enqueued 0", "delivered 1") },
    ],
    [
      "unproven, so handed out again and then confirmed",
      [enqueue(0), take(20, 30, undefined, { result: "unknown" }), take(40, 1_050, undefined)],
      {
        rows: [row("delivered", 2)],
        events: events("enqueued 0", "leased 1", "lease_expired 1", "leased 2", "confirmed 2"),
        delivery: confirmed,
      },
    ],
    ["enqueued without an answer, and never heard of again", [enqueue(0, { result: "unknown" })], {}],
    [
      "late, while its server was down",
      [
        enqueue(0),
        take(20, 30, 1),
        { kind: "down", server: "a", fromMs: 900, toMs: 2_500 },
        take(40, 920, 1, { result: "unknown" }),
        take(2_510, 2_600, 2),
        word("acknowledge", 2_610, 2),
      ],
      itsEnd,
    ],
    [
      "extended: a lease that began anew",
      [enqueue(0), take(20, 30, 1), word("extend", 900, 1), word("acknowledge", 1_800, 1)],
      { rows: [row("acknowledged", 1)], events: events("enqueued 0", "leased 1", "extended 1", "acknowledged 1") },
    ],
  ])("%s", (_, entries, ending) => {
    expect(brokenBy(entries, ending)).toEqual([]);
  });
});

describe("a history that was doctored breaks", () => {
  const other = { ...pair, rolloutId: "stable@2" };
  const younger = { ...other, closure: "/nix/store/2" };
  test.each<[string, string, readonly Entry[], Rest]>([
    ["nothing lost", "the dispatch is not there", [enqueue(0)], {}],
    [
      "nothing lost",
      "it counts as delivered, and nobody has it",
      [enqueue(0)],
      { rows: [row("delivered", 1)], events: events("enqueued 0", "delivered 1") },
    ],
    [
      "nothing lost",
      "it counts as confirmed, and its poll got no answer",
      [enqueue(0), take(20, 30, undefined, { result: "unknown" })],
      { rows: [row("delivered", 1)], events: events("enqueued 0", "leased 1"), delivery: confirmed },
    ],
    ["right host", "another host received it", [enqueue(0), take(20, 30, 1, { hostname: "web-2" })], itsEnd],
    ["right host", "it was received before it was enqueued", [enqueue(50), take(20, 30, 1)], itsEnd],
    [
      "right host",
      "its closure is another",
      [enqueue(0), take(20, 30, 1, { result: { ...pair, closure: "/nix/store/9", attempt: 1 } })],
      itsEnd,
    ],
    ["one live attempt", "the same attempt came twice", [...redelivered, take(2_000, 2_010, 2)], itsEnd],
    [
      "one live attempt",
      "the next came while the first was live",
      [enqueue(0), take(20, 30, 1), take(40, 900, 2)],
      itsEnd,
    ],
    [
      "one live attempt",
      "there are more than allowed",
      [enqueue(0, { maxAttempts: 1 }), ...redelivered.slice(1)],
      itsEnd,
    ],
    [
      "one live attempt",
      "it was delivered twice",
      [enqueue(0), take(20, 30, undefined), take(40, 50, undefined)],
      itsEnd,
    ],
    [
      "on time",
      "it came a second too late after its lease",
      [enqueue(0), take(20, 30, 1), take(40, 2_100, 2), word("acknowledge", 2_110, 2)],
      itsEnd,
    ],
    [
      "on time",
      "a poll came back empty beside it",
      [enqueue(0), take(20, 1_500, 1, { result: "empty" }), take(1_600, 1_610, 1)],
      itsEnd,
    ],
    ["final is final", "it was handed out after it was acknowledged", [...redelivered, take(1_100, 9_000, 3)], itsEnd],
    [
      "final is final",
      "it is pending after it was acknowledged",
      redelivered,
      { ...itsEnd, rows: [row("pending", 2)] },
    ],
    ["final is final", "it was acknowledged and rejected", [...redelivered, word("reject", 1_080, 2)], itsEnd],
    ["final is final", "it was acknowledged and cancelled", [...redelivered, cancel(1_080, "cancelled")], itsEnd],
    [
      "in order",
      "the younger came first",
      [enqueue(0), enqueue(20, younger), take(40, 50, 1, { result: { ...younger, attempt: 1 } }), take(60, 70, 1)],
      { rows: [row("acknowledged", 1), { ...row("acknowledged", 1), ...younger }] },
    ],
    [
      "words count in time",
      "what was said after the next attempt had begun counted",
      [enqueue(0), take(20, 30, 1), take(40, 1_050, 2), word("acknowledge", 1_060, 1)],
      itsEnd,
    ],
    [
      "words count in time",
      "what was said in time did not count",
      [enqueue(0), take(20, 30, 1), word("acknowledge", 40, 1, { result: "over" })],
      itsEnd,
    ],
    ["cancels told truly", "it was too late for what nobody had", [enqueue(0), cancel(20, "too_late")], itsEnd],
    [
      "cancels told truly",
      "it was too late for a lease that went on",
      [enqueue(0), take(20, 30, 1), cancel(40, "too_late")],
      itsEnd,
    ],
    ["cancels told truly", "what waited was not found", [enqueue(0), cancel(20, "absent"), take(40, 50, 1)], itsEnd],
    ["history is true", "an event is missing", redelivered, { ...itsEnd, events: itsEvents.toSpliced(2, 1) }],
    ["history is true", "an attempt was skipped", redelivered, { ...itsEnd, events: events("enqueued 0", "leased 2") }],
    ["history is true", "it ends elsewhere", redelivered, { ...itsEnd, rows: [row("acknowledged", 1)] }],
    [
      "history is true",
      "it was confirmed, and never received",
      [enqueue(0)],
      { rows: [row("delivered", 1)], events: events("enqueued 0", "leased 1", "confirmed 1") },
    ],
    [
      "history is true",
      "it has an enqueue that nobody made",
      [enqueue(0)],
      { rows: [row("pending", 0)], events: events("enqueued 0", "replaced 0") },
    ],
    [
      "nothing left behind",
      "it waits for ever",
      [enqueue(0)],
      { rows: [row("pending", 0)], events: events("enqueued 0") },
    ],
  ])("%s: %s", (rule, _, entries, ending) => {
    expect(brokenBy(entries, ending)).toContain(rule);
  });
});
