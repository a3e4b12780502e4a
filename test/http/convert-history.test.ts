import { create, toJson } from "@bufbuild/protobuf";
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
import { type DispatchRow, dispatchStates } from "../../src/dispatch/dispatch.js";
import { DispatchError } from "../../src/dispatch/errors.js";
import { type DispatchEvent, eventKinds } from "../../src/dispatch/event.js";
import { instantFromMs } from "../../src/dispatch/instant.js";
import {
  eventToProto,
  presenceToProto,
  recordToProto,
  stateFromProto,
  stateToProto,
} from "../../src/http/convert-history.js";
import { host, newDispatch, rollout } from "../support/dispatches.js";

const at = (minute: number) => instantFromMs(Date.UTC(2026, 4, 16, 1, minute));

const row: DispatchRow = {
  ...newDispatch("web-01"),
  enqueuedAt: at(27),
  sequence: 7,
  state: "pending",
  attempt: 0,
  leaseToken: null,
  leaseEndsAt: null,
  leaseExpiresAt: null,
  reason: null,
  changedAt: at(28),
};

const event: DispatchEvent = {
  id: 42,
  at: at(27),
  hostname: host("web-01"),
  rolloutId: rollout("stable@a1b2c3d4"),
  kind: "delivered",
  attempt: 1,
  actor: "web-01",
  address: "192.0.2.7",
  wire: "grpc-web",
  detail: "",
  parkedMs: null,
};

const withProtoNames = { useProtoFieldName: true };
const recordJson = (given: DispatchRow) =>
  toJson(DispatchRecordSchema, create(DispatchRecordSchema, recordToProto(given)), withProtoNames);
const eventJson = (given: DispatchEvent) =>
  toJson(EventSchema, create(EventSchema, eventToProto(given)), withProtoNames);

/** The values of an enum of the schema, but for the one that says nothing. */
const said = (values: readonly { readonly number: number }[]) =>
  values.map(({ number }) => number).filter((number) => number !== 0);

describe("the state of a dispatch", () => {
  test.each(dispatchStates)("%s comes back from the wire, under its own name", (state) => {
    expect(stateFromProto(stateToProto[state], "state")).toBe(state);
    expect(DispatchState[stateToProto[state]]).toBe(state.toUpperCase());
    expect(recordJson({ ...row, state })).toMatchObject({ state: `DISPATCH_STATE_${state.toUpperCase()}` });
  });

  test("has a value for each of the schema, which has one for each state", () => {
    expect(Object.values(stateToProto).toSorted((a, b) => a - b)).toEqual(said(DispatchStateSchema.values));
  });

  test.each<[string, number]>([
    ["unspecified", DispatchState.UNSPECIFIED],
    ["from a newer schema", 99],
    ["negative", -1],
  ])("that is %s is refused by its field", (_, state) => {
    expect(() => stateFromProto(state, "states[3]")).toThrow(`states[3]: must be a state of a dispatch, is ${state}`);
    expect(() => stateFromProto(state, "states[3]")).toThrow(DispatchError);
  });
});

describe("an event", () => {
  test.each(eventKinds)("of the kind %s goes out under its own name", (kind) => {
    const { kind: number } = create(EventSchema, eventToProto({ ...event, kind }));
    expect(EventKind[number]).toBe(kind.toUpperCase());
  });

  test("has a kind for each of the schema, which has one for each kind", () => {
    const sent = eventKinds.map((kind) => eventToProto({ ...event, kind }).kind ?? 0);
    expect(sent.toSorted((a, b) => a - b)).toEqual(said(EventKindSchema.values));
  });

  test("goes out whole", () => {
    expect(eventJson({ ...event, detail: "why", parkedMs: 1_234 })).toEqual({
      id: "42",
      at: "2026-05-16T01:27:00Z",
      hostname: "web-01",
      rollout_id: "stable@a1b2c3d4",
      kind: "EVENT_KIND_DELIVERED",
      attempt: 1,
      actor: "web-01",
      address: "192.0.2.7",
      wire: "grpc-web",
      detail: "why",
      parked_ms: "1234",
    });
  });

  test("that found its dispatch at once is told from one that waited for less than a millisecond", () => {
    expect(eventJson(event)).not.toHaveProperty("parked_ms");
    expect(eventJson({ ...event, parkedMs: 0 })).toMatchObject({ parked_ms: "0" });
  });
});

describe("a record", () => {
  test("goes out without what it does not have", () => {
    expect(recordJson(row)).toEqual({
      hostname: "web-01",
      rollout_id: "stable@a1b2c3d4",
      target_closure: "/nix/store/0x-nixos-system-web-01-26.05",
      soak_due_at: "2026-05-16T01:30:00Z",
      enqueued_at: "2026-05-16T01:27:00Z",
      state: "DISPATCH_STATE_PENDING",
      max_attempts: 10,
      changed_at: "2026-05-16T01:28:00Z",
    });
  });

  test("goes out with what it has, the token of its lease excepted", () => {
    const more = { notBefore: at(1), notAfter: at(50), leaseExpiresAt: at(40), reason: "no space left", attempt: 3 };
    const json = recordJson({ ...row, ...more });
    expect(json).toMatchObject({
      not_before: "2026-05-16T01:01:00Z",
      not_after: "2026-05-16T01:50:00Z",
      lease_expires_at: "2026-05-16T01:40:00Z",
      reason: "no space left",
      attempt: 3,
    });
    expect(JSON.stringify(json)).not.toContain("token");
  });
});

describe("a host's presence", () => {
  const presenceJson = (given: Parameters<typeof presenceToProto>[0]) =>
    toJson(HostPresenceSchema, create(HostPresenceSchema, presenceToProto(given)), withProtoNames);
  const hostname = host("web-01");

  test("of a host that never polled is its name", () => {
    expect(presenceJson({ hostname, seen: undefined, parkedAt: [] })).toEqual({
      hostname: "web-01",
    });
  });

  test("of one that polls goes out whole", () => {
    const seen = {
      hostname,
      lastSeenAt: at(27),
      address: "192.0.2.7",
      wire: "http",
      agentVersion: "nixfleet-agent/0.2",
      certificateNotAfter: at(59),
    } as const;
    const parkedAt = [
      { server: "one", polls: 1, since: at(27) },
      { server: "two", polls: 2, since: at(26) },
    ];
    expect(presenceJson({ hostname, seen, parkedAt })).toEqual({
      hostname: "web-01",
      last_seen_at: "2026-05-16T01:27:00Z",
      address: "192.0.2.7",
      wire: "http",
      agent_version: "nixfleet-agent/0.2",
      certificate_not_after: "2026-05-16T01:59:00Z",
      parked_polls: 3,
      parked_since: "2026-05-16T01:26:00Z",
      parked_at: [
        { server: "one", polls: 1, since: "2026-05-16T01:27:00Z" },
        { server: "two", polls: 2, since: "2026-05-16T01:26:00Z" },
      ],
    });
  });

  test("of one whose certificate ends after all that an instant can be leaves that out", () => {
    const seen = {
      hostname,
      lastSeenAt: at(27),
      address: "",
      wire: "grpc",
      agentVersion: "",
      certificateNotAfter: null,
    } as const;
    expect(presenceJson({ hostname, seen, parkedAt: [] })).toEqual({
      hostname: "web-01",
      last_seen_at: "2026-05-16T01:27:00Z",
      wire: "grpc",
    });
  });
});
