import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  ListDispatchesRequestSchema,
  ListEventsRequestSchema,
  ListHostsRequestSchema,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { dispatchStates } from "../../../src/dispatch/dispatch.js";
import { DispatchError } from "../../../src/dispatch/errors.js";
import { stateToProto } from "../../../src/http/convert-history.js";
import { dispatchFilter, eventFilter, hostFilter } from "../../../src/http/services/filters.js";

const dispatches = (given: MessageInitShape<typeof ListDispatchesRequestSchema>) =>
  dispatchFilter(create(ListDispatchesRequestSchema, given));
const events = (given: MessageInitShape<typeof ListEventsRequestSchema>) =>
  eventFilter(create(ListEventsRequestSchema, given));
const hosts = (given: MessageInitShape<typeof ListHostsRequestSchema>) =>
  hostFilter(create(ListHostsRequestSchema, given));

const long = "a".repeat(254);
/** A state that this schema does not know. */
const newer: number = 99;

describe("the filter of dispatches", () => {
  test("is empty where nothing is asked for", () => {
    expect(dispatches({})).toEqual({ states: [] });
  });

  test("has everything that is asked for", () => {
    const second = { seconds: 1n, nanos: 500_000_000 };
    const asked = {
      hostnamePrefix: "web-",
      channel: "stable",
      states: dispatchStates.map((state) => stateToProto[state]),
      enqueuedAfter: second,
      enqueuedBefore: { seconds: 2n, nanos: 0 },
    };
    expect(dispatches(asked)).toEqual({
      hostnamePrefix: "web-",
      channel: "stable",
      states: [...dispatchStates],
      enqueuedAfter: 1_500_000,
      enqueuedBefore: 2_000_000,
    });
    expect(dispatches({ hostname: "web-01", rolloutId: "stable@a1" })).toEqual({
      hostname: "web-01",
      rolloutId: "stable@a1",
      states: [],
    });
  });

  test.each<[string, MessageInitShape<typeof ListDispatchesRequestSchema>]>([
    ["hostname_prefix: excludes hostname", { hostname: "web-01", hostnamePrefix: "web" }],
    ["channel: excludes rollout_id", { rolloutId: "stable@a1", channel: "stable" }],
    ["hostname: must be RFC 1123 labels", { hostname: "Web-01" }],
    ["hostname_prefix: must match", { hostnamePrefix: "Web" }],
    ["hostname_prefix: must match", { hostnamePrefix: "we%" }],
    ["hostname_prefix: must match", { hostnamePrefix: "we_" }],
    ["hostname_prefix: must match", { hostnamePrefix: "web\n" }],
    ["hostname_prefix: must match", { hostnamePrefix: long }],
    ["rollout_id: must be <channel>@<ref>", { rolloutId: "stable" }],
    ["channel: must match", { channel: "stable@a1" }],
    ["channel: must match", { channel: "Stable" }],
    ["states[1]: must be a state of a dispatch, is 0", { states: [1, 0] }],
    ["states[0]: must be a state of a dispatch, is 99", { states: [newer] }],
    ["enqueued_after: must be an instant from 1970", { enqueuedAfter: { seconds: -1n, nanos: 0 } }],
    ["enqueued_before: must be an instant from 1970", { enqueuedBefore: { seconds: 0n, nanos: -1 } }],
  ])("is refused with %s", (message, given) => {
    expect(() => dispatches(given)).toThrow(message);
    expect(() => dispatches(given)).toThrow(DispatchError);
  });
});

describe("the filter of events", () => {
  test("has host and rollout, either or both", () => {
    expect(events({})).toEqual({});
    expect(events({ hostname: "web-01" })).toEqual({ hostname: "web-01" });
    expect(events({ hostname: "web-01", rolloutId: "stable@a1" })).toEqual({
      hostname: "web-01",
      rolloutId: "stable@a1",
    });
  });

  test("is refused where it could find nothing", () => {
    expect(() => events({ hostname: "web_01" })).toThrow("hostname: must be RFC 1123 labels");
    expect(() => events({ rolloutId: "@" })).toThrow("rollout_id: must be <channel>@<ref>");
  });
});

describe("the filter of hosts", () => {
  test("has the host or how its name begins", () => {
    expect(hosts({})).toEqual({});
    expect(hosts({ hostname: "web-01" })).toEqual({ hostname: "web-01" });
    expect(hosts({ hostnamePrefix: "web-01.site" })).toEqual({ hostnamePrefix: "web-01.site" });
  });

  test("is refused where it could find nothing, or has both", () => {
    expect(() => hosts({ hostname: "a", hostnamePrefix: "a" })).toThrow("hostname_prefix: excludes hostname");
    expect(() => hosts({ hostname: "-" })).toThrow("hostname: must be RFC 1123 labels");
    expect(() => hosts({ hostnamePrefix: "*" })).toThrow("hostname_prefix: must match");
  });
});
