import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DispatchError } from "../../../src/dispatch/errors.js";
import { findJsonFault } from "../../../src/http/binding/json-fault.js";
import { findSyntaxFault } from "../../../src/http/binding/json-syntax.js";
import { ImportBooksRequestSchema, type SearchRequest, SearchRequestSchema } from "./gen/binding/test/v1/library_pb.js";
import { openLibrary } from "./library.js";

const library = openLibrary();

describe("a message that is written as a query", () => {
  const text = fc.string({ unit: "grapheme" });
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const bytes = fc.uint8Array().map((array) => new Uint8Array(array));
  // Without -0, which is 0 in JSON.
  const double = fc.double().map((number) => number || (Number.isNaN(number) ? number : 0));
  const instant = fc.record({
    seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }),
    nanos: fc.nat(999_999_999),
  });
  const filter = fc.record(
    { title: text, colour: fc.constantFrom<number[]>(0, 1, 2, 9), minPages: uint32, years: fc.array(int32) },
    { requiredKeys: ["minPages"] },
  );

  const message: fc.Arbitrary<SearchRequest> = fc
    .record(
      {
        aDouble: double,
        aFloat: fc.float().map((number) => number || (Number.isNaN(number) ? number : 0)),
        anInt32: int32,
        anInt64: int64,
        aUint32: uint32,
        aUint64: uint64,
        aSint32: int32,
        aSint64: int64,
        aFixed32: uint32,
        aFixed64: uint64,
        aSfixed32: int32,
        aSfixed64: int64,
        aBool: fc.boolean(),
        aString: text,
        someBytes: bytes,
        colour: fc.constantFrom<number[]>(0, 1, 2, -7),
        wait: uint64,
        hostname: text,
        numbers: fc.array(uint64),
        words: fc.array(text),
        colours: fc.array(fc.constantFrom<number[]>(0, 1, 2, 77)),
        instants: fc.array(instant),
        filter,
        choice: fc.oneof(
          fc.record({ case: fc.constant("byName" as const), value: text }),
          fc.record({ case: fc.constant("byNumber" as const), value: int64 }),
          fc.record({ case: fc.constant("byFilter" as const), value: filter }),
        ),
        since: instant,
        within: fc.record({ seconds: fc.bigInt({ min: 0n, max: 315576000000n }), nanos: fc.nat(999_999_999) }),
        maybeString: text,
        maybeNumber: uint64,
        maybeBool: fc.boolean(),
        maybeBytes: bytes,
        longText: uint64.map(String),
      },
      { requiredKeys: [] },
    )
    .map((init) => create(SearchRequestSchema, init));

  test.each([true, false])("is read as the same message (names of the schema: %s)", async (useProtoFieldName) => {
    await fc.assert(
      fc.asyncProperty(message, async (sent) => {
        const query = new URLSearchParams(parameters(toJson(SearchRequestSchema, sent, { useProtoFieldName })));
        await library.send("GET", "/v1/search", { query: query.toString() });
        expect(library.received()).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });
});

/** The leaves of a JSON value with their dotted paths. */
function parameters(json: JsonValue, path = ""): [string, string][] {
  if (Array.isArray(json)) {
    return json.flatMap((item) => parameters(item, path));
  }
  return typeof json === "object" && json !== null
    ? Object.entries(json).flatMap(([key, value]) => parameters(value, path === "" ? key : `${path}.${key}`))
    : [[path, String(json)]];
}

/** JSON texts, many of them with one or two characters put in, taken out or replaced. */
const nearlyJson = fc
  .tuple(fc.json(), fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[]:,"\\\\ 0-.e\n\u0001xé'))))
  .map(([json, edits]) =>
    edits.slice(0, 2).reduce((text, [place, removed, inserted]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + (removed === 2 ? "" : inserted) + text.slice(at + (removed === 0 ? 0 : 1));
    }, json),
  );

test("the place of a syntax fault is found in exactly the texts that JSON.parse refuses", () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      const fault = findSyntaxFault(text);
      if (fault?.problem.endsWith("is given twice")) {
        return;
      }
      expect(fault === undefined).toBe(parses(text));
      if (fault !== undefined) {
        // It is the first one: what is before it is complete or, at worst, ends too early.
        const before = findSyntaxFault(text.slice(0, fault.offset));
        expect(before?.offset ?? fault.offset).toBe(fault.offset);
      }
    }),
    { numRuns: 5000 },
  );
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const fieldNames = fc.constantFrom(
  ..."shelf_id shelfId books limit filter name title colour printed_at printedAt parts copies editions donor".split(
    " ",
  ),
  ..."invoice extra lending min_pages and_also years nothing 1 a".split(" "),
);

/** JSON that looks like the messages of the library from afar. */
const { value: nearlyBooks } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom<JsonValue[]>(null, true, 0, 1, -1, 1.5, 1e300, "", "x", "7", "COLOUR_RED", "5s", "\ud800"),
    fc.constant("2026-05-16T01:30:00Z"),
    fc.dictionary(fieldNames, tie("value"), { maxKeys: 4, noNullPrototype: true }),
    fc.record({ books: fc.array(tie("value")), filter: tie("value") }, { noNullPrototype: true, requiredKeys: [] }),
    fc.record({ parts: fc.array(tie("value")), copies: tie("value"), editions: tie("value") }, { requiredKeys: [] }),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
}));

test("a fault is found in exactly the JSON that does not fit the message", () => {
  const outcomes = new Set<boolean>();
  fc.assert(
    fc.property(nearlyBooks, (json) => {
      const fault = findJsonFault(ImportBooksRequestSchema, json, undefined);
      const fits = fault === undefined;
      outcomes.add(fits);
      expect(fits).toBe(isMessage(json));
    }),
    { numRuns: 3000 },
  );
  expect(outcomes.size).toBe(2);
});

function isMessage(json: JsonValue): boolean {
  try {
    fromJson(ImportBooksRequestSchema, json);
    return true;
  } catch {
    return false;
  }
}

describe("whatever is sent", () => {
  const segment = fc.oneof(
    fc.constantFrom(..."v1 search shelves books volumes pages files titles colours tags colour anything".split(" ")),
    fc.constantFrom("books:import", ":import", "7", "", "%zz", "%2F", "%00", "%ff", "\0", "..", "**", "{a}", "é"),
    fc.string(),
  );
  const path = fc.oneof(
    fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`),
    fc.array(segment, { maxLength: 4 }).map((segments) => `/v1/${segments.join("/")}`),
    fc.string({ unit: "binary" }),
  );
  const method = fc.oneof(fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "HEAD"), fc.string());
  const key = fc.oneof(
    fc.constantFrom(...SearchRequestSchema.fields.map((field) => field.name)),
    fc
      .array(fc.constantFrom("filter", "and_also", "by_filter", "title", "years", "books", "labels", ""))
      .map((names) => names.join(".")),
    fc.string(),
  );
  const query = fc.oneof(
    fc
      .array(fc.tuple(key, fc.oneof(fc.string(), fc.integer().map(String))))
      .map((all) => new URLSearchParams(all).toString()),
    fc.string({ unit: "binary" }),
  );
  const body = fc.oneof(
    nearlyBooks.map((json) => JSON.stringify(json)),
    nearlyJson,
    fc.uint8Array().map((array) => new Uint8Array(array)),
  );
  const contentType = fc.oneof(
    { arbitrary: fc.constant("application/json"), weight: 5 },
    { arbitrary: fc.oneof(fc.constant(undefined), fc.string()), weight: 1 },
  );

  async function settles(verb: string, target: string, sent: Parameters<typeof library.send>[2]): Promise<void> {
    try {
      const answer = await library.send(verb, target, sent);
      expect([200, 204]).toContain(answer.status);
    } catch (thrown) {
      if (!(thrown instanceof DispatchError)) {
        throw thrown;
      }
      expect(thrown.reason).not.toBe("internal");
      expect(thrown.message).toMatch(/^[ -~]{1,400}$/);
    }
  }

  test("nothing but a DispatchError in one short line of ASCII is thrown", async () => {
    await fc.assert(fc.asyncProperty(method, path, fc.record({ query, body, contentType }), settles), {
      numRuns: 3000,
    });
  });

  test.each([
    ["GET", "/v1/search"],
    ["POST", "/v1/books:import"],
    ["POST", "/v1/shelves/7/books"],
    ["PUT", "/v1/tags"],
    ["PUT", "/v1/colour"],
  ])("also to %s %s", async (verb, target) => {
    await fc.assert(
      fc.asyncProperty(fc.record({ query, body, contentType }), (sent) => settles(verb, target, sent)),
      { numRuns: 1000 },
    );
  });
});
