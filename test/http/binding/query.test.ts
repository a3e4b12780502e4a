import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  Colour,
  DeleteShelfRequestSchema,
  GetBookRequestSchema,
  SearchRequestSchema,
} from "./gen/binding/test/v1/library_pb.js";
import { openLibrary, refusal } from "./library.js";

const library = openLibrary();

async function search(query: string) {
  await library.send("GET", "/v1/search", { query });
  return library.received();
}

function request(init: MessageInitShape<typeof SearchRequestSchema>) {
  return create(SearchRequestSchema, init);
}

async function complaint(query: string): Promise<string> {
  const error = await refusal(() => library.send("GET", "/v1/search", { query }));
  expect(error.reason).toBe("invalid_argument");
  return error.message;
}

describe("a query gives fields", () => {
  test("of every scalar kind", async () => {
    const integers = "an_int32=-1&an_int64=-2&a_uint32=3&a_uint64=4&a_sint32=-5&a_sint64=-6";
    const fixed = "a_fixed32=7&a_fixed64=8&a_sfixed32=-9&a_sfixed64=-10";
    const others =
      "a_double=1.5&a_float=NaN&a_bool=true&a_string=a%20b%2B&some_bytes=-_8&colour=COLOUR_RED&long_text=12";
    expect(await search(`${integers}&${fixed}&${others}`)).toEqual(
      request({
        anInt32: -1,
        anInt64: -2n,
        aUint32: 3,
        aUint64: 4n,
        aSint32: -5,
        aSint64: -6n,
        aFixed32: 7,
        aFixed64: 8n,
        aSfixed32: -9,
        aSfixed64: -10n,
        aDouble: 1.5,
        aFloat: Number.NaN,
        aBool: true,
        aString: "a b+",
        someBytes: new Uint8Array([251, 255]),
        colour: Colour.RED,
        longText: "12",
      }),
    );
  });

  test("by their names in the schema or in JSON", async () => {
    expect(await search("anInt32=1&filter.minPages=2&filter.and_also.minPages=3")).toEqual(
      request({ anInt32: 1, filter: { minPages: 2, andAlso: { minPages: 3 } } }),
    );
  });

  test("that are enums, by name or by number, also an unknown number", async () => {
    const unknown: number = 77;
    const negative: number = -1;
    expect(await search("colour=2&colours=COLOUR_RED&colours=77&colours=-1")).toEqual(
      request({ colour: Colour.BLUE, colours: [Colour.RED, unknown, negative] }),
    );
  });

  test("that are repeated, in order", async () => {
    expect(await search("numbers=3&words=b&numbers=1&words=&instants=2026-05-16T01:30:00Z&filter.years=-44")).toEqual(
      request({
        numbers: [3n, 1n],
        words: ["b", ""],
        instants: [{ seconds: 1778895000n }],
        filter: { years: [-44] },
      }),
    );
  });

  test("that are well-known types with a JSON form in one word", async () => {
    const times = "since=2026-05-16T01:30:00.25%2B00:00&within=-1.5s&mask=aFloat,filter.minPages";
    const wrappers = "maybe_string=&maybe_number=0&maybe_bool=false&maybe_bytes=YQ";
    expect(await search(`${times}&${wrappers}`)).toEqual(
      request({
        since: { seconds: 1778895000n, nanos: 250_000_000 },
        within: { seconds: -1n, nanos: -500_000_000 },
        mask: { paths: ["a_float", "filter.min_pages"] },
        maybeString: "",
        maybeNumber: 0n,
        maybeBool: false,
        maybeBytes: new Uint8Array([97]),
      }),
    );
  });

  test("of a oneof", async () => {
    expect(await search("by_number=0")).toEqual(request({ choice: { case: "byNumber", value: 0n } }));
    expect(await search("by_filter.title=a&by_filter.colour=1")).toEqual(
      request({ choice: { case: "byFilter", value: { title: "a", colour: Colour.RED } } }),
    );
  });

  test("that are optional, and present even if empty", async () => {
    expect(await search("hostname=&wait=0")).toEqual(request({ hostname: "", wait: 0n }));
    expect(await search("hostname")).toEqual(request({ hostname: "" }));
    expect(await search("")).toEqual(request({}));
  });

  test("and bad percent-encoding in it is read as WHATWG says", async () => {
    expect(await search("a_string=%zz%ff+x&&=&")).toEqual(request({ aString: "%zz\ufffd x" }));
  });
});

describe("a query is ignored", () => {
  test.each([
    "nobody=1",
    "wait.seconds=1",
    "filter.nothing=1",
    "filter.and_also.nothing=x",
    "nothing.title=1",
    "since.seconds=5",
    "labels.a=b",
    "books.nothing=1",
    "__proto__=1",
    "constructor=1",
    "filter.__proto__.x=1",
    ".=1",
    "filter.=1",
    "..filter=1",
    "Wait=x",
    "?wait=1",
  ])("where it names no field: %s", async (query) => {
    expect(await search(query)).toEqual(request({}));
  });

  test("where the path gives the field", async () => {
    await library.send("GET", "/v1/shelves/1/books/a", { query: "shelf_id=x&bookId=b&verbose=true" });
    expect(library.received()).toEqual(create(GetBookRequestSchema, { shelfId: 1n, bookId: "a", verbose: true }));
    await library.send("GET", "/v1/titles/a", { query: "filter.title=b&filter.min_pages=3" });
    expect(library.received()).toEqual(create(GetBookRequestSchema, { filter: { title: "a", minPages: 3 } }));
  });

  test("where the RPC is called by any method", async () => {
    await library.send("OPTIONS", "/v1/anything", { query: "force=true", body: "not read" });
    expect(library.received()).toEqual(create(DeleteShelfRequestSchema, { force: true }));
  });
});

describe("a query is refused with the field and the rule", () => {
  const instant = "must be an RFC 3339 instant such as 2026-05-16T01:30:00Z, from year 1 to year 9999";
  const duration = "must be a duration in seconds such as 90s or 1.5s";
  test.each([
    ["wait=", "wait: must be a decimal integer from 0 to 18446744073709551615"],
    ["wait=+5", "wait: must be a decimal integer from 0 to 18446744073709551615"],
    ["wait=18446744073709551616", "wait: must be a decimal integer from 0 to 18446744073709551615"],
    ["an_int32=2147483648", "an_int32: must be a decimal integer from -2147483648 to 2147483647"],
    ["a_bool=1", "a_bool: must be true or false"],
    ["a_double=1e999", "a_double: must be a decimal number in the range of a double, NaN, Infinity or -Infinity"],
    ["some_bytes=ab+c", "some_bytes: must be base64 or base64url"],
    ["colour=RED", "colour: must be one of COLOUR_UNSPECIFIED, COLOUR_RED, COLOUR_BLUE, by name or number"],
    ["numbers=1&numbers=x", "numbers[1]: must be a decimal integer from 0 to 18446744073709551615"],
    ["filter.minPages=-1", "filter.min_pages: must be a decimal integer from 0 to 4294967295"],
    ["since=", `since: ${instant}`],
    ["since=yesterday", `since: ${instant}`],
    ["since=2026-13-01T00:00:00Z", `since: ${instant}`],
    ["within=5", `within: ${duration}`],
    ["within=5sec", `within: ${duration}`],
    ["within=1.0123456789s", `within: ${duration}`],
    ["within=999999999999s", `within: ${duration}`],
    ["mask=a_b", "mask: must be lowerCamelCase field paths, separated by commas"],
    ["maybe_number=x", "maybe_number: must be a decimal integer from 0 to 18446744073709551615"],
    ["wait=1&wait=1", "wait: must not be given twice"],
    ["a_string=1&aString=2", "a_string: must not be given twice"],
    ["filter.minPages=1&filter.min_pages=2", "filter.min_pages: must not be given twice"],
    ["by_name=a&by_number=1", "by_number: cannot be given together with by_name"],
    ["by_name=a&by_filter.title=b", "by_filter.title: cannot be given together with by_name"],
    ["filter=x", "filter: cannot be given outside a request body, since it is a message"],
    ["filter.andAlso=", "filter.and_also: cannot be given outside a request body, since it is a message"],
    ["books=x", "books: cannot be given outside a request body, since it is a list of messages"],
    ["books.title=x", "books.title: cannot be given outside a request body, since it is within a list"],
    ["labels=x", "labels: cannot be given outside a request body, since it is a map"],
    ["anything=1", "anything: cannot be given outside a request body, since it is a message"],
  ])("%s", async (query, message) => {
    expect(await complaint(query)).toBe(message);
  });

  test("also where it nests without end", async () => {
    expect(await complaint(`filter${".and_also".repeat(500)}.title=x`)).toBe(
      "filter: must not be nested deeper than 100 levels",
    );
    expect(await complaint(`books${".parts".repeat(500)}.title=x`)).toBe(
      "books: must not be nested deeper than 100 levels",
    );
  });
});

test("a path that does not fit its field is refused with the field and the rule", async () => {
  const error = await refusal(() => library.send("GET", "/v1/shelves/x/books/a"));
  expect(error.message).toBe("shelf_id: must be a decimal integer from 0 to 18446744073709551615");
  await library.send("GET", "/v1/colours/COLOUR_BLUE");
  expect(library.received()).toEqual(create(GetBookRequestSchema, { filter: { colour: Colour.BLUE } }));
});

describe("a query that was given before", () => {
  test("gives the same message, which nobody can change", async () => {
    const first = await search("an_int32=41");
    const second = await search("an_int32=41");
    expect(second).toBe(first);
    expect(Object.isFrozen(second)).toBe(true);
    expect(second).toEqual(request({ anInt32: 41 }));
  });

  test("is refused again if it was refused", async () => {
    for (let i = 0; i < 2; i++) expect(await complaint("an_int32=x")).toContain("an_int32");
  });

  test("gives another message for another call, and where the path gives a field", async () => {
    await library.send("GET", "/v1/search", { query: "" });
    const searched = library.received();
    await library.send("GET", "/v1/shelves/2/books/7", {});
    const seventh = library.received();
    await library.send("GET", "/v1/shelves/2/books/8", {});
    expect(library.received()).not.toEqual(seventh);
    expect(seventh).not.toBe(searched);
  });

  test("is one of so many that none is kept for good, and each gives what it says", async () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++) expect(await search(`an_int32=${i}`)).toEqual(request({ anInt32: i }));
    }
  });
});
