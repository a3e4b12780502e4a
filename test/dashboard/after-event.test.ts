import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterEvent } from "../../src/dashboard/fleet/after-event.js";
import type { DispatchRow } from "../../src/dispatch/dispatch.js";
import type { NewEvent } from "../../src/dispatch/event.js";
import { instantFromMs, type Moment, type Steady } from "../../src/dispatch/instant.js";
import { type Change, enqueued, fallenDue, isTakeable, stepped, superseded, taken } from "../../src/dispatch/life.js";
import type { FleetEvent } from "../../src/words/fleet-event.js";
import type { KnownDispatch } from "../../src/words/record.js";
import { newDispatch, origin, taker, tokenOf } from "../support/dispatches.js";

/** What may happen to a dispatch, in any order: what the rules do not allow just then changes nothing. */
const happenings = {
  enqueue: (row, moment) =>
    changeOf(
      enqueued(row, newDispatch("web-01", "stable@aa", undefined, { maxAttempts: 2 }), {
        sequence: 1,
        moment,
        origin: origin(),
      }),
    ),
  take: (row, moment) => (canTake(row, moment) ? taken(row, taker(), moment, () => tokenOf(1)) : undefined),
  lease: (row, moment) => {
    const terms = { kind: "lease", leaseMs: 5_000 } as const;
    return canTake(row, moment) ? taken(row, taker(terms), moment, () => tokenOf(1)) : undefined;
  },
  hide: (row, moment) => {
    const terms = { kind: "confirmed", withinMs: 5_000 } as const;
    return canTake(row, moment) ? taken(row, taker(terms), moment, () => tokenOf(1)) : undefined;
  },
  giveBack: (row, moment) => step(row, moment, (take) => ({ kind: "giveBack", take })),
  confirm: (row, moment) => step(row, moment, (take) => ({ kind: "confirm", take, origin: origin(), proof: "a ping" })),
  acknowledge: (row, moment) => step(row, moment, (take) => ({ kind: "acknowledge", ...take, ...told(row) })),
  reject: (row, moment) => step(row, moment, (take) => ({ kind: "reject", reason: "full", ...take, ...told(row) })),
  extend: (row, moment) =>
    step(row, moment, (take) => ({ kind: "extend", leaseMs: 9_000, ...take, origin: origin(), token: tokenOf(1) })),
  cancel: (row, moment) => step(row, moment, (take) => ({ kind: "cancel", reason: "", origin: origin(), ...take })),
  supersede: (row, moment) =>
    row?.state === "pending" ? superseded(row, newDispatch("web-01", "stable@bb"), moment, origin()) : undefined,
  wait: (row, moment) => (row === undefined ? undefined : fallenDue(row, moment)),
} satisfies Record<string, (row: DispatchRow | undefined, moment: Moment) => Change | undefined>;

function canTake(row: DispatchRow | undefined, moment: Moment): row is DispatchRow {
  return row !== undefined && isTakeable(row, moment);
}

function told(row: DispatchRow | undefined) {
  return { origin: origin(), token: row?.leaseToken ?? undefined };
}

function step(
  row: DispatchRow | undefined,
  moment: Moment,
  make: (take: Pick<DispatchRow, "hostname" | "rolloutId" | "sequence" | "attempt">) => Parameters<typeof stepped>[1],
): Change | undefined {
  if (row === undefined) return undefined;
  const { hostname, rolloutId, sequence, attempt } = row;
  const result = stepped(row, make({ hostname, rolloutId, sequence, attempt }), moment);
  return result.ok ? result.change : undefined;
}

function changeOf({ row, event }: { readonly row: DispatchRow; readonly event: NewEvent | undefined }) {
  return event === undefined ? undefined : { row, event };
}

function fleetEvent(event: NewEvent, id: number): FleetEvent {
  return { ...event, id, address: event.address || null, wire: event.wire || null };
}

/** What of a row the events tell. */
function toldOf({ state, attempt, reason, changedAt, enqueuedAt }: DispatchRow | KnownDispatch) {
  return { state, attempt, reason, changedAt, enqueuedAt };
}

describe("a dispatch after an event", () => {
  test("is what the server's own rules made of it, whatever happens to it in whatever order", () => {
    const names = fc.constantFrom(...Object.keys(happenings));
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.integer({ min: 1, max: 6_000 })), { maxLength: 40 }), (steps) => {
        let row: DispatchRow | undefined;
        let known: KnownDispatch | undefined;
        let nowMs = Date.UTC(2026, 4, 16);
        for (const [i, [name, afterMs]] of steps.entries()) {
          nowMs += afterMs;
          const moment: Moment = { now: instantFromMs(nowMs), steady: (nowMs * 1_000) as Steady };
          const happen = Object.entries(happenings).find(([candidate]) => candidate === name)?.[1];
          const change = happen?.(row, moment);
          if (change === undefined) continue;
          row = change.row;
          known = afterEvent(known, fleetEvent(change.event, i + 1)).dispatch;
          expect(toldOf(known)).toEqual(toldOf(row));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("is incomplete where the server knows what the event does not say", () => {
    const row = enqueued(undefined, newDispatch("web-01"), {
      sequence: 1,
      moment: { now: instantFromMs(1_000), steady: 0 as Steady },
      origin: origin(),
    });
    if (row.event === undefined) throw new Error("no event");
    expect(afterEvent(undefined, fleetEvent(row.event, 1)).isIncomplete).toBe(true);
  });
});
