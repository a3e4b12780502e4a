import { create, type DescMessage, type Message, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { file_nixfleet_dispatch_v1_agent_service } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { DispatchSchema } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { file_nixfleet_dispatch_v1_queue_service } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { file_nixfleet_dispatch_v1_trust_service } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { jsonOptions, jsonWriter } from "../../../src/http/binding/json-writer.js";
import { messagesOf, outcome } from "./arbitrary.js";
import { BookSchema, PlainSchema, SearchRequestSchema } from "./gen/binding/test/v1/library_pb.js";

const services = [
  file_nixfleet_dispatch_v1_agent_service,
  file_nixfleet_dispatch_v1_queue_service,
  file_nixfleet_dispatch_v1_trust_service,
];

const slowly = (desc: DescMessage, message: Message) => toJsonString(desc, message, jsonOptions(undefined));

describe("what is written is what protobuf-es writes", () => {
  test.each([true, false])("for fields of every kind (values that must not be: %s)", (odd) => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(messagesOf(PlainSchema, { odd }), (message) => {
        const written = outcome(() => jsonWriter(PlainSchema)(message));
        expect(written).toEqual(outcome(() => slowly(PlainSchema, message)));
        outcomes.add(Object.keys(written).join());
      }),
      { numRuns: 1000 },
    );
    expect(outcomes).toEqual(new Set(odd ? ["value", "error"] : ["value"]));
  });

  test.each(services.flatMap(({ messages }) => messages).map((desc) => [desc.name, desc] as const))(
    "for %s",
    (_, desc) => {
      fc.assert(
        fc.property(messagesOf(desc, { odd: false }), (message) => {
          expect(jsonWriter(desc)(message)).toBe(slowly(desc, message));
        }),
        { numRuns: 50 },
      );
    },
  );

  test("for messages with maps and well-known types, alone and within others", () => {
    const book = create(BookSchema, {
      title: "Emma",
      copies: { b: 1, a: 2 },
      extra: { kind: { case: "boolValue", value: true } },
      lending: { seconds: 5n },
    });
    expect(jsonWriter(BookSchema)(book)).toBe(slowly(BookSchema, book));
    const plain = create(PlainSchema, { book, books: [book, {}] });
    expect(jsonWriter(PlainSchema)(plain)).toBe(slowly(PlainSchema, plain));
    const search = create(SearchRequestSchema, { maybeString: "", labels: { "1": "x" } });
    expect(jsonWriter(SearchRequestSchema)(search)).toBe(slowly(SearchRequestSchema, search));
  });

  test.each([
    ["a message of another type", create(BookSchema)],
    ["one whose fields are missing", { $typeName: PlainSchema.typeName }],
    ["one with null for a message", Object.assign(create(PlainSchema), { inner: null, since: null })],
    ["one with null for a list", Object.assign(create(PlainSchema), { words: null })],
    ["one with a message of another type in it", Object.assign(create(PlainSchema), { inner: create(BookSchema) })],
    ["one with a choice that does not exist", Object.assign(create(PlainSchema), { choice: { case: "nothing" } })],
    ["one with a choice of no value", Object.assign(create(PlainSchema), { choice: { case: "byName" } })],
  ])("for %s", (_, message) => {
    expect(outcome(() => jsonWriter(PlainSchema)(message))).toEqual(outcome(() => slowly(PlainSchema, message)));
  });
});

test("a dispatch has the names of the schema and instants with as many digits as they need", () => {
  const dispatch = create(DispatchSchema, {
    hostname: "web-01",
    rolloutId: 'stable@"a"',
    soakDueAt: { seconds: 1_780_308_000n, nanos: 123_456_000 },
    enqueuedAt: { seconds: 1_780_308_000n },
    lease: { token: "t", expiresAt: { seconds: 1_780_308_060n, nanos: 500_000_000 }, attempt: 1 },
  });
  expect(jsonWriter(DispatchSchema)(dispatch)).toBe(
    '{"hostname":"web-01","rollout_id":"stable@\\"a\\"","target_closure":"",' +
      '"soak_due_at":"2026-06-01T10:00:00.123456Z","enqueued_at":"2026-06-01T10:00:00Z",' +
      '"lease":{"token":"t","expires_at":"2026-06-01T10:01:00.500Z","attempt":1}}',
  );
});
