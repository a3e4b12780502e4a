import { describe, expect, test } from "vitest";
import { eventKinds } from "../../src/dispatch/event.js";
import { eventTexts } from "../../src/words/event-text.js";
import type { KnownEvent } from "../../src/words/record.js";
import { folded, timelineOf } from "../../src/words/timeline.js";
import { utcTime } from "../../src/words/times.js";
import { at, dispatch, enqueued, event } from "./facts.js";

const ids = (events: readonly KnownEvent[]) => timelineOf(events).map(({ event }) => event.id);

describe("a timeline", () => {
  test("is in the order of the instants, whatever the ids are, with the distance from the one before", () => {
    const events = [
      enqueued,
      event(2, "leased", at("11:00:01.200")),
      event(3, "acknowledged", at("11:04:59")),
      event(4, "flushed", at("11:00:01.234567")),
    ];
    expect(timelineOf(events).map(({ event, sincePreviousMs }) => [event.id, sincePreviousMs])).toEqual([
      [1, null],
      [2, 1_200],
      [4, 34],
      [3, 297_766],
    ]);
    expect(ids(events.toReversed())).toEqual([1, 2, 4, 3]);
  });

  test("has a flushed answer where it was flushed, also if that was after the agent's acknowledgement", () => {
    const [leased, acknowledged] = [event(2, "leased", at("11:00:01")), event(3, "acknowledged", at("11:00:01.010"))];
    expect(ids([enqueued, leased, acknowledged, event(4, "flushed", at("11:00:01.020"))])).toEqual([1, 2, 3, 4]);
  });

  test("of one millisecond has the flushed answer right behind its hand-out, though it is written last", () => {
    const moment = at("11:00:01");
    const events = [
      { ...enqueued, at: moment },
      event(2, "leased", moment),
      event(3, "returned", moment),
      event(4, "leased", moment, { attempt: 2 }),
      event(5, "acknowledged", moment, { attempt: 2 }),
      event(6, "flushed", moment, { attempt: 2 }),
    ];
    expect(ids(events)).toEqual([1, 2, 3, 4, 6, 5]);
    // By their ids alone they would not be.
    expect(events.map(({ id }) => id)).not.toEqual(ids(events));
  });

  test("whose hand-out is forgotten keeps its answer in place", () => {
    expect(ids([event(7, "flushed", at("11:00:01")), event(6, "leased", at("11:00:01"), { attempt: 2 })])).toEqual([
      6, 7,
    ]);
  });

  test("knows what belongs to the latest enqueue", () => {
    const again = event(3, "replaced", at("11:20:00"));
    const events = [enqueued, event(2, "delivered", at("11:10:00")), again, event(4, "delivered", at("11:30:00"))];
    expect(timelineOf(events).map(({ isPresent }) => isPresent)).toEqual([false, false, true, true]);
  });
});

describe("what repeats itself", () => {
  const extended = (count: number) =>
    Array.from({ length: count }, (_, i) => event(i + 3, "extended", at(`11:0${i}:10`)));
  const leased = event(2, "leased", at("11:00:00"));
  const shown = (events: readonly KnownEvent[]) =>
    folded(timelineOf(events)).map(({ event, more, sincePreviousMs }) => [event.kind, more, sincePreviousMs]);

  test("up to three times is shown each time", () => {
    expect(shown([leased, ...extended(3)])).toHaveLength(4);
  });

  test("more often is shown the first time and the last time", () => {
    expect(shown([leased, ...extended(6)])).toEqual([
      ["leased", 0, null],
      ["extended", 4, 10_000],
      ["extended", 0, 300_000],
    ]);
  });

  test("is not what somebody else does, or what happens to another attempt", () => {
    const mixed = extended(6).map((one, i) => ({ ...one, actor: i < 3 ? "a" : "b" }));
    expect(shown(mixed)).toHaveLength(6);
    const attempts = Array.from({ length: 5 }, (_, i) => event(i + 1, "leased", at(`11:0${i}:00`), { attempt: i + 1 }));
    expect(shown(attempts)).toHaveLength(5);
  });
});

describe("the words for what happened", () => {
  const texts = (events: readonly KnownEvent[], change: Parameters<typeof dispatch>[0] = {}) =>
    eventTexts(folded(timelineOf(events)), dispatch(change), utcTime);
  const lease = { state: "leased", leaseExpiresAt: at("12:00:42") } as const;

  test("say of the lease that holds until when it does, and of no other", () => {
    const events = [
      enqueued,
      event(2, "leased", at("11:01:00"), { parkedMs: 12_345 }),
      event(3, "lease_expired", at("11:02:00")),
      event(4, "leased", at("11:03:00"), { attempt: 2 }),
    ];
    expect(texts(events, lease)).toEqual([
      "enqueued by alice at 10.0.0.2 over connect",
      "handed out to web-01 at 10.0.0.7 over http, attempt 1 of 10, under a lease; its poll had been parked for 12.3 s",
      "the lease ran out: it waits again",
      "handed out to web-01 at 10.0.0.7 over http, attempt 2 of 10, under a lease, at the latest until " +
        "2026-05-16 12:00:42Z; its poll found it at once",
    ]);
    const longer = texts([...events, event(5, "extended", at("11:04:00"), { attempt: 2 })], lease);
    expect(longer.slice(3)).toEqual([
      expect.not.stringContaining("12:00:42"),
      "lease extended by web-01 at 10.0.0.7 over http, at the latest until 2026-05-16 12:00:42Z",
    ]);
    expect(texts(events, { state: "acknowledged" }).join()).not.toContain("at the latest");
  });

  test("do not guess how many attempts an earlier enqueue had", () => {
    const again = event(3, "replaced", at("11:20:00"));
    const handOuts = [event(2, "delivered", at("11:10:00")), event(4, "delivered", at("11:30:00"))];
    expect(texts([enqueued, again, ...handOuts], { maxAttempts: 3 }).filter((text) => /attempt/.test(text))).toEqual([
      expect.stringContaining(", attempt 1, "),
      expect.stringContaining(", attempt 1 of 3, "),
    ]);
  });

  test("are there for every kind, of which each says its detail if it has one of its own", () => {
    const all = [...eventKinds, "unknown"] as const;
    for (const kind of all) {
      const [text = ""] = texts([event(1, kind, at("11:00:00"), { detail: "the detail" })]);
      expect(text).toMatch(/^\S.*\S$/);
      const isOwn = ["superseded", "leased", "confirmed", "rejected", "cancelled", "dead", "lease_expired", "returned"];
      if (isOwn.includes(kind)) expect(text).toContain("the detail");
    }
  });

  test("count what is left out", () => {
    const many = Array.from({ length: 9 }, (_, i) => event(i + 2, "extended", at(`11:00:0${i}`)));
    expect(texts([enqueued, ...many])[1]).toBe(
      "lease extended by web-01 at 10.0.0.7 over http (and 7 more times until the last one)",
    );
  });
});
