import { type DescMessage, fromJsonString, isMessage, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { file_nixfleet_dispatch_v1_agent_service } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import {
  EnqueueDispatchesRequestSchema,
  file_nixfleet_dispatch_v1_queue_service,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { file_nixfleet_dispatch_v1_trust_service } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { readMessage } from "../../../src/http/binding/body.js";
import { readJson } from "../../../src/http/binding/json-reader.js";
import { messagesOf, outcome } from "./arbitrary.js";
import { BookSchema, Colour, PlainSchema, SearchRequestSchema, SlipSchema } from "./gen/binding/test/v1/library_pb.js";

const services = [
  file_nixfleet_dispatch_v1_agent_service,
  file_nixfleet_dispatch_v1_queue_service,
  file_nixfleet_dispatch_v1_trust_service,
];

/** Whether the text was read; if so, it has to be what protobuf-es reads. */
function isReadRight(desc: DescMessage, text: string): boolean {
  const message = readJson(desc, text);
  if (message === undefined) return false;
  const expected = fromJsonString(desc, text);
  expect(message).toStrictEqual(expected);
  expect(toBinary(desc, message)).toEqual(toBinary(desc, expected));
  return true;
}

/** The texts that protobuf-es writes of a message: in both styles of names, with blanks and without. */
const written = (desc: DescMessage) =>
  fc
    .record({ message: messagesOf(desc, { odd: false }), short: fc.boolean(), all: fc.boolean(), blanks: fc.nat(2) })
    .map(({ message, short, all, blanks }) => {
      const json = toJson(desc, message, { useProtoFieldName: short, alwaysEmitImplicit: all });
      return JSON.stringify(json, null, blanks);
    });

const kinds = services.flatMap(({ messages }) => messages).map((desc) => [desc.name, desc] as const);

describe("what is read is what protobuf-es reads", () => {
  test.each([...kinds, ["Plain", PlainSchema] as const, ["Slip", SlipSchema] as const])("for %s", (_, desc) => {
    let read = 0;
    fc.assert(
      fc.property(written(desc), (text) => {
        if (isReadRight(desc, text)) read++;
      }),
      { numRuns: 100 },
    );
    expect(read).toBeGreaterThan(0);
  });

  const edit = fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[]:,"\\ 0-.eZ\n\u0001xé\ud800'));

  test.each([["Plain", PlainSchema] as const, ["EnqueueDispatchesRequest", EnqueueDispatchesRequestSchema] as const])(
    "for texts of %s with characters put in, taken out and replaced",
    (_, desc) => {
      fc.assert(
        fc.property(written(desc), fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
          isReadRight(desc, edits.reduce(changed, text));
        }),
        { numRuns: 2000 },
      );
    },
  );

  const names = PlainSchema.fields.flatMap(({ name, jsonName }) => [name, jsonName]);
  const key = fc.constantFrom(...names, "title", "year", "due_at", "dueAt", "is_late", "nothing", "__proto__");
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(
        ..."null true false 0 -0 1 -1 1.0 1.5 1e3 1e300 1e999 2147483648 4294967296 -2147483649".split(" "),
      ),
      fc.constantFrom(..."9007199254740993 3.5e38 01 NaN".split(" ")),
      fc.constantFrom(...["", "x", "7", "-7", "007", "1e3", "0x7", "9".repeat(19), "COLOUR_RED", "aGk="].map(quote)),
      fc.constantFrom(...["2026-05-16T01:30:00Z", "2026-05-16T01:30:00.5+02:00", "2026-05-16"].map(quote)),
      fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
      // Not a dictionary: a key may come twice.
      fc
        .array(fc.tuple(key.map(quote), tie("value")), { maxLength: 4 })
        .map((members) => `{ ${members.map(([name, text]) => `${name} : ${text}`).join(", ")} }`),
    ),
  }));

  test("for values of any type, and keys that come twice", () => {
    const outcomes = { read: 0, left: 0 };
    fc.assert(
      fc.property(fc.array(fc.tuple(key.map(quote), value), { maxLength: 3 }), (members) => {
        const text = `{${members.map(([name, json]) => `${name}:${json}`).join(",")}}`;
        outcomes[isReadRight(PlainSchema, text) ? "read" : "left"]++;
      }),
      { numRuns: 10_000 },
    );
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.left).toBeGreaterThan(100);
  });
});

describe("an instant is read as protobuf-es reads it", () => {
  const due = (instant: string) => `{"due_at":${quote(instant)}}`;

  test.each([
    "2026-06-01T10:00:00Z",
    "2026-06-01T10:00:00.1Z",
    "2026-06-01T23:59:59.123456789Z",
    "2026-06-01T10:00:00+00:00",
    "2026-06-01T00:30:00.000001+02:00",
    "2026-06-01T10:00:00-11:30",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "1969-12-31T23:59:59.5Z",
  ])("%s, at once", (instant) => {
    expect(isReadRight(SlipSchema, due(instant))).toBe(true);
  });

  test.each([
    ..."2026-06-01T10:00:60Z 2026-06-01T24:00:00Z 2026-06-01t10:00:00Z 2026-06-01T10:00:00z".split(" "),
    ..."2026-06-01T10:00:00 2026-06-01T10:00Z 2026-06-01 +02026-06-01T10:00:00Z 2026-13-01T10:00:00Z".split(" "),
    ..."2026-06-01T10:00:00.Z 2026-06-01T10:00:00.1234567890Z 2026-06-01T10:00:00,5Z 2026-06-01T10:00:00.5".split(" "),
    ..."2026-06-01T10:00:00+0200 2026-06-01T10:00:00+02 2026-06-01T10:00:00Z+02:00 0000-12-31T23:59:59Z".split(" "),
    ..."2026-06-01T10:00:00.12a4Z 2026-06-01T1:000:00Z 0001-01-01T00:00:00+00:01 9999-12-31T23:59:59-00:01".split(" "),
    "2026-06-01T10:00:00Z ",
    "2026-06-01T10:00:00 Z",
    "",
  ])("%j is left to protobuf-es", (instant) => {
    // The day before and after are known, so that no part of the text is looked at by luck.
    isReadRight(SlipSchema, due("2026-06-01T10:00:00Z"));
    expect(isReadRight(SlipSchema, due(instant))).toBe(false);
  });

  const digits = (count: number) => fc.nat(10 ** count - 1).map((number) => String(number).padStart(count, "0"));
  const date = fc.oneof(
    fc.constantFrom("2026-06-01", "2026-02-30", "2025-02-29", "2024-02-29", "0001-01-01", "9999-12-31"),
    fc.tuple(digits(4), digits(2), digits(2)).map((parts) => parts.join("-")),
  );
  const time = fc.tuple(fc.nat(25), fc.nat(61), fc.nat(61)).map((parts) => parts.map(twoDigits).join(":"));
  const fraction = fc.oneof(
    fc.constant(""),
    fc.tuple(fc.nat(10), fc.nat()).map(([n, d]) => `.${`${d}`.slice(0, n)}`),
  );
  const zone = fc.oneof(
    fc.constantFrom("Z", "Z", "+00:00", "+02:00", "-23:59"),
    fc.tuple(fc.constantFrom("+", "-"), digits(2), digits(2)).map(([sign, h, m]) => `${sign}${h}:${m}`),
  );

  test("whatever its parts are", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.tuple(date, time, fraction, zone), ([d, t, f, z]) => {
        if (isReadRight(SlipSchema, due(`${d}T${t}${f}${z}`))) read++;
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(500);
  });
});

describe("a plain body is read at once", () => {
  const dispatch = {
    hostname: "h00001",
    rollout_id: "stable@0000000a",
    target_closure: "/nix/store/0c6yrqkb0jvnkbnzmqwkxsv8b2hm1fzd-nixos-system-h00001-26.05.20260528.4ae01fd",
    soak_due_at: "2026-06-01T10:00:00.123456Z",
  };
  const later = { ...dispatch, not_before: null, not_after: "2026-06-02T10:00:00+00:00", max_attempts: 3 };

  test.each([
    ["", JSON.stringify({ dispatches: [dispatch, later, dispatch, {}], supersede: true })],
    [" many", JSON.stringify({ dispatches: Array.from({ length: 100 }, () => dispatch) })],
    [" with blanks", `\r\n\t ${JSON.stringify({ dispatches: [dispatch, later] }, null, 4)}\n`],
    [" in the names of JSON", '{"dispatches":[{"hostname":"a","rolloutId":"b","targetClosure":"c"}]}'],
    [" in other letters", '{"dispatches":[{"hostname":"é\ud83d\ude00"}]}'],
  ])("that enqueues%s", (_, text) => {
    expect(isReadRight(EnqueueDispatchesRequestSchema, text)).toBe(true);
  });

  test("with fields of every kind", () => {
    const text =
      '{"a_bool":true,"aDouble":-1.5e300,"a_float":1e38,"an_int32":-5,"a_uint32":4294967295,"a_sint32":2147483647,' +
      '"an_int64":"-999999999999999999","a_uint64":12,"colour":"COLOUR_RED","inner":{"inner":{"colour":2}},' +
      '"maybe_string":"","maybe_uint32":0,"maybe_int64":"0","maybe_colour":0,"words":["",":"],"numbers":[1],' +
      '"longs":["1",-2],"instants":["2026-06-01T10:00:00Z"],"slips":[{"is_late":false},{}],"by_slip":{"year":3}}';
    expect(isReadRight(PlainSchema, text)).toBe(true);
    expect(readJson(PlainSchema, text)).toMatchObject({ colour: Colour.RED, longs: [1n, -2n] });
  });

  test("and no two messages share what can change", () => {
    const message = readJson(PlainSchema, '{"inners":[{},{}]}');
    const [one, other] = isMessage(message, PlainSchema) ? message.inners : [];
    expect(one?.words).toEqual([]);
    expect(one?.words).not.toBe(other?.words);
    expect(one?.choice).not.toBe(other?.choice);
  });
});

describe("left to protobuf-es is", () => {
  test.each([
    ["a key that comes twice", PlainSchema, '{"a_bool":true,"a_bool":true}'],
    ["a key that comes twice, deep within", PlainSchema, '{"inners":[{"slips":[{"title":"x","title":"x"}]}]}'],
    ["a list that comes twice", PlainSchema, '{"words":["a"],"words":["a"]}'],
    ["a field by both of its names", PlainSchema, '{"a_bool":true,"aBool":null}'],
    ["a second field of a oneof", PlainSchema, '{"by_name":"x","by_number":1}'],
    ["null in a oneof", PlainSchema, '{"by_name":null,"by_number":1}'],
    ["null in a list", PlainSchema, '{"words":[null]}'],
    ["an unknown field", PlainSchema, '{"nothing":1}'],
    ["an escape", PlainSchema, '{"a_string":"\\u0061"}'],
    ["half a character", PlainSchema, '{"a_string":"\ud800"}'],
    ["a number that is too large", PlainSchema, '{"a_uint32":4294967296}'],
    ["a broken number", PlainSchema, '{"a_uint32":1.5}'],
    ["an enum's unknown name", PlainSchema, '{"colour":"BLACK"}'],
    ["bytes", PlainSchema, '{"some_bytes":"aGk="}'],
    ["no object", PlainSchema, "[]"],
    ["more than an object", PlainSchema, "{}{}"],
    ["nothing", PlainSchema, ""],
    ["a field with a map in it", PlainSchema, '{"book":{"copies":{"a":1}}}'],
    ["a value that may be null", BookSchema, '{"extra":null}'],
    ["a wrapper", SearchRequestSchema, '{"maybe_string":null}'],
    ["a 64-bit integer that is a string", SearchRequestSchema, '{"long_text":"5"}'],
    ["what nests deeply", PlainSchema, `${'{"inner":'.repeat(60)}{}${"}".repeat(60)}`],
  ] as const)("%s", (_, desc, text) => {
    expect(isReadRight(desc, text)).toBe(false);
  });

  test("and is refused if it is wrong", () => {
    const twice = '{"dispatches":[{"hostname":"a","hostname":"a"}]}';
    expect(outcome(() => readMessage(EnqueueDispatchesRequestSchema, twice, undefined))).toEqual({
      error: 'body: must be JSON; line 1, column 32: the key "hostname" is given twice',
    });
  });
});

/** A text in which one character is put in (0), replaced (1) or taken out (2). */
function changed(text: string, [place, way, put]: [number, number, string]): string {
  const at = place % (text.length + 1);
  return text.slice(0, at) + (way === 2 ? "" : put) + text.slice(at + (way === 0 ? 0 : 1));
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
