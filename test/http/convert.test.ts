import { create, fromBinary, isMessage, toBinary, toJson } from "@bufbuild/protobuf";
import { TimestampSchema, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TakeDispatchResponseSchema } from "../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { DispatchSchema } from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import {
  EnqueueOutcome,
  EnqueueOutcomeSchema,
  EnqueueResultSchema,
  NewDispatchSchema,
} from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Taken } from "../../src/dispatch/dispatch.js";
import { type Instant, instantFromMicros } from "../../src/dispatch/instant.js";
import {
  enqueueResultToProto,
  instantFromTimestamp,
  newDispatchFromProto,
  outcomeToProto,
  takenToProto,
  timestampFromInstant,
} from "../../src/http/convert.js";
import { newDispatch, tokenOf } from "../support/dispatches.js";

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
  const { hostname, rolloutId, targetClosure, soakDueAt } = newDispatch("web-01");
  const dispatch = { hostname, rolloutId, targetClosure, soakDueAt, enqueuedAt: instant(1_778_894_820_000_001) };
  const take = { hostname, rolloutId, sequence: 7, attempt: 2 };
  const five = {
    hostname: "web-01",
    rollout_id: "stable@a1b2c3d4",
    target_closure: "/nix/store/0x-nixos-system-web-01-26.05",
    soak_due_at: "2026-05-16T01:30:00Z",
    enqueued_at: "2026-05-16T01:27:00.000001Z",
  };
  const asJson = (taken: Taken) =>
    toJson(DispatchSchema, takenToProto(taken).dispatch ?? create(DispatchSchema), { useProtoFieldName: true });

  test("taken without a lease goes out with exactly its five fields", () => {
    expect(asJson({ dispatch, take, lease: undefined })).toEqual(five);
  });

  test("taken under a lease goes out with that besides", () => {
    const lease = { token: tokenOf(1), expiresAt: instant(1_778_894_880_000_001), attempt: 2 };
    expect(asJson({ dispatch, take, lease })).toEqual({
      ...five,
      lease: { token: "AAAAAAAAAAAAAAAAAAAAAQ", expires_at: "2026-05-16T01:28:00.000001Z", attempt: 2 },
    });
  });

  test("goes out as the very message that the schema's own functions make", () => {
    const lease = { token: tokenOf(1), expiresAt: instant(1_778_894_880_000_001), attempt: 2 };
    for (const taken of [
      { dispatch, take, lease: undefined },
      { dispatch, take, lease },
    ]) {
      const message = takenToProto(taken);
      const bytes = toBinary(TakeDispatchResponseSchema, message);
      expect(fromBinary(TakeDispatchResponseSchema, bytes)).toEqual(message);
      expect(isMessage(message.dispatch, DispatchSchema)).toBe(true);
      expect(Object.keys(create(DispatchSchema)).every((name) => name in (message.dispatch ?? {}))).toBe(true);
    }
  });

  test("comes in unchecked, with what was not given told from what is out of range", () => {
    const given = { hostname: "Not A Host", rolloutId: "?", targetClosure: "" };
    const absent = { soakDueAt: undefined, notBefore: undefined, notAfter: undefined, maxAttempts: undefined };
    expect(newDispatchFromProto(create(NewDispatchSchema, given))).toEqual({ ...given, ...absent });
    const never = { seconds: -1n, nanos: 0 };
    const wrong = { ...given, soakDueAt: never, notBefore: never, notAfter: never, maxAttempts: 0 };
    expect(newDispatchFromProto(create(NewDispatchSchema, wrong))).toEqual({
      ...given,
      soakDueAt: "out of range",
      notBefore: "out of range",
      notAfter: "out of range",
      maxAttempts: 0,
    });
  });

  test("comes in with its window and its attempts", () => {
    const sent = create(NewDispatchSchema, {
      notBefore: timestampFromInstant(instant(1)),
      notAfter: timestampFromInstant(instant(2)),
      maxAttempts: 3,
    });
    expect(newDispatchFromProto(sent)).toMatchObject({ notBefore: 1, notAfter: 2, maxAttempts: 3 });
  });
});

describe("the outcome of an enqueue", () => {
  test("has one value for each of the schema, and none for two", () => {
    const known = EnqueueOutcomeSchema.values.map(({ number }) => number).filter((number) => number !== 0);
    expect(Object.values(outcomeToProto).toSorted()).toEqual(known);
  });

  test("goes out as the very message that the schema's own functions make", () => {
    const { hostname, rolloutId } = newDispatch("web-01");
    const message = enqueueResultToProto({ hostname, rolloutId, outcome: "replaced", superseded: 2 });
    const sent = { hostname, rolloutId, outcome: EnqueueOutcome.REPLACED, superseded: 2 };
    expect(message).toEqual(create(EnqueueResultSchema, sent));
    expect(Object.keys(message).toSorted()).toEqual(Object.keys(create(EnqueueResultSchema, sent)).toSorted());
  });
});
