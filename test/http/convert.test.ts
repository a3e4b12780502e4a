import { create } from "@bufbuild/protobuf";
import { TimestampSchema, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NewDispatchSchema } from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Instant, instantFromMicros } from "../../src/dispatch/instant.js";
import {
  dispatchToProto,
  instantFromTimestamp,
  newDispatchFromProto,
  timestampFromInstant,
} from "../../src/http/convert.js";
import { newDispatch } from "../support/dispatches.js";

const lastMicros = Date.UTC(2200, 0, 1) * 1_000 - 1;

function instant(micros: number): Instant {
  const made = instantFromMicros(micros);
  if (made === undefined) throw new Error(`bad test: ${micros}`);
  return made;
}

const instants = fc.integer({ min: 0, max: lastMicros }).map(instant);
const read = (seconds: bigint, nanos: number) => instantFromTimestamp(create(TimestampSchema, { seconds, nanos }));

describe("an instant", () => {
  test("comes back from the wire to the microsecond", () => {
    fc.assert(
      fc.property(instants, (given) => {
        const sent = create(TimestampSchema, timestampFromInstant(given));
        expect(instantFromTimestamp(sent)).toBe(given);
      }),
    );
  });

  test.each([0, 1, 999_999, 1_000_000, 1_000_001, lastMicros])(
    "of %d microseconds does, at the bounds too",
    (micros) => {
      expect(instantFromTimestamp(create(TimestampSchema, timestampFromInstant(instant(micros))))).toBe(micros);
    },
  );

  test("is on the wire what the rest of the world takes it for", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date("2199-12-31T23:59:59.999Z"), noInvalidDate: true }),
        (date) => {
          expect(instantFromTimestamp(timestampFromDate(date))).toBe(date.getTime() * 1_000);
          const sent = create(TimestampSchema, timestampFromInstant(instant(date.getTime() * 1_000)));
          expect(timestampDate(sent)).toEqual(date);
        },
      ),
    );
  });

  test("has nanos of 0 to 999,999,999 on the wire, whole microseconds", () => {
    fc.assert(
      fc.property(instants, (given) => {
        const { nanos = -1 } = timestampFromInstant(given);
        expect(nanos >= 0 && nanos <= 999_999_000 && nanos % 1_000 === 0).toBe(true);
      }),
    );
  });

  test("loses what is finer than a microsecond, and never to a later one", () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 999 }), (given, finer) => {
        const { seconds = 0n, nanos = 0 } = timestampFromInstant(given);
        expect(read(seconds, nanos + finer)).toBe(given);
      }),
    );
  });

  test.each<[string, bigint, number]>([
    ["before 1970", -1n, 0],
    ["just before 1970", -1n, 999_999_999],
    ["at the first instant of 2200", BigInt(Date.UTC(2200, 0, 1) / 1_000), 0],
    ["past what a number holds exactly", 9_007_199_255n, 0],
    ["at the greatest 64-bit second", 9_223_372_036_854_775_807n, 0],
    ["at the least 64-bit second", -9_223_372_036_854_775_808n, 0],
    ["with negative nanos", 1n, -1],
    ["with a second's worth of nanos", 1n, 1_000_000_000],
    ["with the greatest 32-bit nanos", 0n, 2_147_483_647],
  ])("%s is out of range", (_, seconds, nanos) => {
    expect(read(seconds, nanos)).toBe("out of range");
  });
});

describe("a dispatch", () => {
  test("goes out with its five fields", () => {
    const { hostname, rolloutId, targetClosure, soakDueAt } = newDispatch("web-01");
    const enqueuedAt = instant(1_778_894_820_000_001);
    expect(dispatchToProto({ hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt })).toMatchObject({
      hostname,
      rolloutId,
      targetClosure,
      soakDueAt: { seconds: 1_778_895_000n, nanos: 0 },
      enqueuedAt: { seconds: 1_778_894_820n, nanos: 1_000 },
    });
  });

  test("comes in unchecked, with what was not given told from what is out of range", () => {
    const given = { hostname: "Not A Host", rolloutId: "?", targetClosure: "" };
    expect(newDispatchFromProto(create(NewDispatchSchema, given))).toMatchObject({ ...given, soakDueAt: undefined });
    const soakDueAt = { seconds: -1n, nanos: 0 };
    expect(newDispatchFromProto(create(NewDispatchSchema, { ...given, soakDueAt })).soakDueAt).toBe("out of range");
  });
});
