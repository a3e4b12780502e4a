import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  DispatchRecordSchema,
  DispatchState,
  DispatchStateSchema,
  EventKind,
  EventKindSchema,
  EventSchema,
  HostPresenceSchema,
} from "../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { dispatchStates } from "../../src/dispatch/dispatch.js";
import { eventKinds } from "../../src/dispatch/event.js";
import { knownDispatch, knownEvent, knownHost } from "../../src/words/record.js";

const instant = timestampFromMs(0);
const newer: number = 99;
const record = { soakDueAt: instant, enqueuedAt: instant, changedAt: instant };

describe("what the server answers", () => {
  test("has a word for every state and kind of the schema", () => {
    const states = DispatchStateSchema.values.map(({ number }) => number).filter((number) => number !== 0);
    const wordOf = (state: DispatchState) => knownDispatch(create(DispatchRecordSchema, { ...record, state })).state;
    expect(states.map(wordOf)).toEqual(dispatchStates);
    const kinds = EventKindSchema.values.map(({ number }) => number).filter((number) => number !== 0);
    expect(kinds.map((kind) => knownEvent(create(EventSchema, { at: instant, kind })).kind)).toEqual(eventKinds);
  });

  test("by a newer server may have a state or a kind that this program does not know", () => {
    expect(knownDispatch(create(DispatchRecordSchema, { ...record, state: newer })).state).toBe("unknown");
    expect(knownEvent(create(EventSchema, { at: instant, kind: newer })).kind).toBe("unknown");
    expect(knownEvent(create(EventSchema, { at: instant, kind: EventKind.UNSPECIFIED })).kind).toBe("unknown");
  });

  test("cannot move the cursor of who reads it, whatever an agent gave as its reason or its name", () => {
    const nasty = "a\u001b[2Jb\r\nc";
    expect(knownDispatch(create(DispatchRecordSchema, { ...record, reason: nasty })).reason).toBe("ab c");
    expect(knownEvent(create(EventSchema, { at: instant, detail: nasty })).detail).toBe("ab c");
    expect(knownHost(create(HostPresenceSchema, { agentVersion: nasty })).agentVersion).toBe("ab c");
  });

  test("without an instant that it must have is not taken for anything", () => {
    expect(() =>
      knownDispatch(create(DispatchRecordSchema, { ...record, state: DispatchState.DEAD, changedAt: undefined })),
    ).toThrow("the server's answer is not understood: it has no changed_at");
  });
});
