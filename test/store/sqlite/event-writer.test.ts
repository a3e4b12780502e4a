import type Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EventKind, NewEvent } from "../../../src/dispatch/event.js";
import { instantFromMs } from "../../../src/dispatch/instant.js";
import { CompiledWrite } from "../../../src/store/sqlite/compiled.js";
import type { KeptEvent } from "../../../src/store/sqlite/event-writer.js";
import { migrateDatabase } from "../../../src/store/sqlite/migrate.js";
import { openDatabase } from "../../../src/store/sqlite/open.js";
import { compileStatements, type ReadyStatements } from "../../../src/store/sqlite/ready-statements.js";
import { events } from "../../../src/store/sqlite/schema.js";
import { host, rollout } from "../../support/dispatches.js";
import { databasePath } from "./files.js";

const path = databasePath();

describe("the events of a transaction", () => {
  let client: Database.Database;
  let statements: ReadyStatements;
  beforeEach(() => {
    client = openDatabase(path(), () => undefined);
    migrateDatabase(client);
    statements = compileStatements(client, drizzle({ client }));
  });
  afterEach(() => client.close());

  /** Written together, and read again. */
  function written(given: readonly Unnumbered[]): KeptEvent[] {
    client.exec("DELETE FROM events");
    for (const { event, prevId } of given) statements.events.add(event, prevId);
    statements.events.flush();
    const rows = drizzle({ client }).select().from(events).orderBy(events.id).all();
    return rows.map(({ id, prevId, ...event }) => ({ id, event, prevId }));
  }

  test("are written as they are, however many of them are alike, and in what", () => {
    fc.assert(
      fc.property(fc.array(someAlike, { maxLength: 6 }), (runs) => {
        const given = runs.flat();
        expect(written(given).map(({ event, prevId }) => ({ event, prevId }))).toEqual(given);
      }),
      { numRuns: 150 },
    );
  });

  test("that are notes hang on the hand-out they belong to, and are looked up where that is not the last change", () => {
    const { events: writer } = statements;
    const lookUp = vi.fn(() => 7);
    const note = (changeId?: number) => {
      writer.addNote({ ...one.event, kind: "flushed", changeId }, lookUp);
      return lookUp.mock.calls.length;
    };
    const handOut = (prevId: number | null) => writer.add({ ...one.event, kind: "delivered" }, prevId);
    const first = handOut(null);
    const second = handOut(first);
    const enqueued = writer.add({ ...one.event, kind: "enqueued" }, null);
    expect([note(second), note(second), note(first), note(enqueued), note()]).toEqual([0, 1, 2, 3, 4]);
    const lost = handOut(null);
    writer.forget();
    expect([note(lost), note(handOut(null))]).toEqual([5, 5]);
  });

  test.each([1, 2, 16])("are never left out: of %i, one whose number is taken fails", (count) => {
    const { events: writer } = statements;
    const taken = writer.add(one.event, null);
    writer.flush();
    for (let i = 1; i < count; i++) writer.add(one.event, null);
    writer.addNumbered({ ...one, id: taken });
    expect(() => writer.flush()).toThrow("an event could not be added");
  });

  test("need one statement for each sixteen that are alike, each two where they are fewer", () => {
    const run = vi.spyOn(CompiledWrite.prototype, "run");
    const ofHosts = (count: number, kind: EventKind): Unnumbered[] =>
      Array.from({ length: count }, (_, i) => ({ ...one, event: { ...one.event, kind, hostname: host(`web-${i}`) } }));
    expect(written(ofHosts(48, "enqueued"))).toHaveLength(48);
    expect(run).toHaveBeenCalledTimes(3);
    run.mockClear();
    written([...ofHosts(16, "enqueued"), ...ofHosts(19, "delivered")]);
    expect(run).toHaveBeenCalledTimes(2 + 2);
    run.mockClear();
    expect(written([...ofHosts(1, "enqueued"), ...ofHosts(1, "delivered")])).toHaveLength(2);
    expect(run).toHaveBeenCalledTimes(1);
    run.mockRestore();
  });
});

type Unnumbered = Omit<KeptEvent, "id">;

const one: Unnumbered = {
  event: {
    at: instantFromMs(1_700_000_000_000),
    hostname: host("web-01"),
    rolloutId: rollout("s@1"),
    kind: "enqueued",
    attempt: 0,
    actor: "operator-ci",
    address: "192.0.2.7",
    wire: "http",
    detail: "",
    parkedMs: null,
  },
  prevId: null,
};

type Difference = readonly [Partial<NewEvent>, number | null];

const prevId: fc.Arbitrary<number | null> = fc.option(fc.nat(9));
const anything: fc.Arbitrary<Difference> = fc.tuple(
  fc.oneof(
    fc.record({ actor: fc.constantFrom("web-02", "web-03"), parkedMs: fc.option(fc.nat(9)) }),
    fc.record({ detail: fc.constantFrom("", "it broke"), attempt: fc.nat(2) }),
  ),
  prevId,
);
/** As notes differ, and takes. */
const ownTimes: fc.Arbitrary<Difference> = fc.tuple(
  fc.record({ at: fc.constantFrom(one.event.at, instantFromMs(1)) }),
  fc.nat(9),
);
/** As the events of an enqueue. */
const ownHosts: fc.Arbitrary<Difference> = fc.tuple(
  fc.record({ hostname: fc.constantFrom(host("web-02"), host("web-03")) }),
  fc.constant(null),
);

/** A run of events that differ in one of these ways. */
const someAlike: fc.Arbitrary<Unnumbered[]> = fc
  .tuple(
    fc.constantFrom<EventKind>("enqueued", "delivered", "flushed"),
    fc.oneof(...[anything, ownTimes, ownHosts].map((difference) => fc.array(difference, { maxLength: 40 }))),
  )
  .map(([kind, differences]) =>
    differences.map(([different, prevId]) => ({ event: { ...one.event, kind, ...different }, prevId })),
  );
