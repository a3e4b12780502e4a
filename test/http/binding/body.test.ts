import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Colour, CreateBookRequestSchema, ImportBooksRequestSchema } from "./gen/binding/test/v1/library_pb.js";
import { maxBodyBytes, openLibrary, refusal, type Sent } from "./library.js";

const library = openLibrary();

async function imported(body: string, path = "/v1/books:import") {
  await library.send("POST", path, { body });
  return library.received();
}

async function refused(sent: Sent, method = "POST", path = "/v1/books:import") {
  const { reason, message } = await refusal(() => library.send(method, path, sent));
  return { reason, message };
}

async function complaint(body: string): Promise<string> {
  const { reason, message } = await refused({ body });
  expect(reason).toBe("invalid_argument");
  return message;
}

describe('body: "*" is the whole message', () => {
  test("by names of the schema or of JSON", async () => {
    expect(await imported('{"limit":3,"books":[{"title":"Emma","printedAt":"1815-12-23T00:00:00Z"}]}')).toEqual(
      create(ImportBooksRequestSchema, {
        limit: 3,
        books: [{ title: "Emma", printedAt: { seconds: BigInt(Date.UTC(1815, 11, 23) / 1000) } }],
      }),
    );
  });

  test("and the query is ignored", async () => {
    await library.send("POST", "/v1/books:import", { body: "{}", query: "limit=x&limit=y" });
    expect(library.received()).toEqual(create(ImportBooksRequestSchema));
  });

  test("and the path wins over it", async () => {
    expect(await imported('{"shelf_id":"other","limit":1}', "/v1/shelves/mine:import")).toEqual(
      create(ImportBooksRequestSchema, { shelfId: "mine", limit: 1 }),
    );
  });

  test("and none at all counts as {}", async () => {
    expect(await imported("")).toEqual(create(ImportBooksRequestSchema));
  });
});

describe("body: a field", () => {
  test("that is a message, with the rest in path and query", async () => {
    const sent = { body: '{"title":"Emma","name":"other"}', query: "dry_run=true&book.title=x&tags=a" };
    await library.send("PATCH", "/v1/books/emma", sent);
    expect(library.received()).toEqual(
      create(CreateBookRequestSchema, { book: { name: "books/emma", title: "Emma" }, dryRun: true, tags: ["a"] }),
    );
  });

  test("that is repeated", async () => {
    await library.send("PUT", "/v1/tags", { body: '["a","b"]' });
    expect(library.received()).toEqual(create(CreateBookRequestSchema, { tags: ["a", "b"] }));
  });

  test("that is an enum", async () => {
    await library.send("PUT", "/v1/colour", { body: '"COLOUR_RED"' });
    expect(library.received()).toEqual(create(CreateBookRequestSchema, { colour: Colour.RED }));
  });

  test("is unset if there is no body", async () => {
    await library.send("POST", "/v1/shelves/7/books");
    expect(library.received()).toEqual(create(CreateBookRequestSchema, { shelfId: "7" }));
  });

  test.each([
    ["/v1/tags", "null", "tags: must not be null"],
    ["/v1/tags", '"a"', "tags: must be a JSON array"],
    ["/v1/tags", '["a",1]', "tags[1]: must be well-formed Unicode"],
    ["/v1/colour", "1.5", "colour: must be one of COLOUR_UNSPECIFIED, COLOUR_RED, COLOUR_BLUE, by name or number"],
    ["/v1/tags", '{"a":1,"a":2}', 'body: must be JSON; line 1, column 8: the key "a" is given twice'],
    // Not a way to give another field.
    ["/v1/colour", '1,"dry_run":true', "body: must be JSON; line 1, column 2: expected the end"],
    ["/v1/colour", '1}{"dry_run":true', "body: must be JSON; line 1, column 2: expected the end"],
  ])("PUT %s refuses %s", async (path, body, message) => {
    expect(await refused({ body }, "PUT", path)).toEqual({ reason: "invalid_argument", message });
  });
});

describe("the media type", () => {
  test.each(["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf8";v=1'])(
    "%s is taken",
    async (contentType) => {
      await expect(library.send("POST", "/v1/books:import", { body: "{}", contentType })).resolves.toBeDefined();
    },
  );

  test.each([
    ["text/plain", "{}"],
    ["application/json; charset=latin1", "{}"],
    ["application/jsonp", "{}"],
    ["application/x-www-form-urlencoded", ""],
    ["", "{}"],
  ])("%j is 415", async (contentType, body) => {
    expect(await refused({ body, contentType })).toEqual({
      reason: "unsupported_media_type",
      message: "the request body must be application/json in UTF-8",
    });
  });

  test("must be there if there is a body", async () => {
    const route = library.binding.route("POST", "/v1/books:import");
    const readBody = async () => new TextEncoder().encode("{}");
    const request = { method: "POST", path: "/v1/books:import", query: "", contentType: undefined, readBody };
    const error = await refusal(() => library.binding.handle(route, request, "somebody"));
    expect(error.reason).toBe("unsupported_media_type");
  });
});

test("a body that is too long is refused as its reader says, and one byte less is not", async () => {
  const body = `"${"x".repeat(maxBodyBytes - 2)}"`;
  expect((await refused({ body })).reason).toBe("invalid_argument");
  expect((await refused({ body: `${body} ` })).reason).toBe("body_too_large");
});

describe("a body that is not JSON is refused with the place", () => {
  test.each([
    ["{", 'line 1, column 2: it ends, expected a key or "}"'],
    ['{"limit":\n  abc}', "line 2, column 3: expected a value"],
    ['{"limit":1,}', "line 1, column 12: expected a key"],
    ['{"limit" 1}', 'line 1, column 10: expected ":"'],
    ["[1 2]", 'line 1, column 4: expected "," or "]"'],
    ["{}x", "line 1, column 3: expected the end"],
    ['{"limit":01}', 'line 1, column 11: expected "," or "}"'],
    ['{"limit":"a\\x"}', "line 1, column 12: broken string"],
    ['{"limit":"a\n"}', "line 1, column 12: broken string"],
    ['{"limit":"a', "line 1, column 12: broken string"],
    [" ", "line 1, column 2: it ends, expected a value"],
    ['{"limit":1,"limit":2}', 'line 1, column 12: the key "limit" is given twice'],
    ['{"books":[{"copies":{"a":1,"\\u0061":2}}]}', 'line 1, column 28: the key "a" is given twice'],
  ])("%j", async (body, place) => {
    expect(await complaint(body)).toBe(`body: must be JSON; ${place}`);
  });

  test("or not UTF-8, with the byte", async () => {
    const body = new Uint8Array([0x22, 0xc3, 0xbc, 0xe2, 0x82, 0x22]);
    expect((await refused({ body })).message).toBe("body: must be UTF-8, which ends at byte 5");
  });
});

describe("JSON that does not fit is refused with the field, in the names of the schema", () => {
  const instant = "must be an RFC 3339 instant such as 2026-05-16T01:30:00Z, from year 1 to year 9999";
  const int32 = "must be a decimal integer from -2147483648 to 2147483647";
  test.each([
    ["null", "body: must be a JSON object"],
    ["[]", "body: must be a JSON object"],
    ["1", "body: must be a JSON object"],
    ['{"limmit":1}', 'body: unknown field "limmit"'],
    ['{"__proto__":1}', 'body: unknown field "__proto__"'],
    ['{"[a.b]":1}', 'body: unknown field "[a.b]"'],
    ['{"books":[{},{},{"printed_by":"x"}]}', 'books[2]: unknown field "printed_by"'],
    ['{"limit":-1}', "limit: must be a decimal integer from 0 to 4294967295"],
    ['{"books":{}}', "books: must be a JSON array"],
    ['{"books":[{},7]}', "books[1]: must be a JSON object"],
    ['{"books":[null]}', "books[0]: must not be null"],
    ['{"books":[{},{},{},{"printedAt":"soon"}]}', `books[3].printed_at: ${instant}`],
    ['{"books":[{"parts":[{},{"title":5}]}]}', "books[0].parts[1].title: must be well-formed Unicode"],
    ['{"books":[{"copies":{"a":1,"b":"x"}}]}', `books[0].copies["b"]: ${int32}`],
    ['{"books":[{"copies":[]}]}', "books[0].copies: must be a JSON object"],
    ['{"books":[{"copies":{"a":null}}]}', 'books[0].copies["a"]: must not be null'],
    ['{"books":[{"editions":{"1":{},"x":{}}}]}', `books[0].editions["x"]: the key ${int32}`],
    ['{"books":[{"editions":{"1":{},"01":{}}}]}', 'books[0].editions["01"]: the key is given twice'],
    ['{"books":[{"editions":{"1":{"titel":"x"}}}]}', 'books[0].editions["1"]: unknown field "titel"'],
    ['{"books":[{"printed_at":null,"printedAt":null}]}', "books[0].printed_at: must not be given twice"],
    ['{"books":[{"donor":"x","invoice":1}]}', "books[0].invoice: cannot be given together with donor"],
    ['{"books":[{"donor":null,"invoice":1},{"titel":1}]}', 'books[1]: unknown field "titel"'],
    ['{"filter":[]}', "filter: must be a JSON object"],
    ['{"filter":{"years":[1,2,"x"]}}', `filter.years[2]: ${int32}`],
  ])("%s", async (body, message) => {
    expect(await complaint(body)).toBe(message);
  });

  test("and no more than 40 characters of it are repeated, escaped", async () => {
    expect(await complaint(`{"${"é".repeat(100)}":1}`)).toBe(`body: unknown field "${"\\u00e9".repeat(40)}"...`);
  });

  test("null and what equals a default is fine", async () => {
    expect(await imported('{"limit":null,"books":null,"filter":null,"shelf_id":""}')).toEqual(
      create(ImportBooksRequestSchema),
    );
  });
});

describe("JSON that nests without end is refused", () => {
  const deepArray = `${"[".repeat(40_000)}${"]".repeat(40_000)}`;
  const deepFilter = (depth: number) => `${'{"and_also":'.repeat(depth)}{}${"}".repeat(depth)}`;

  test("where nothing is known of it", async () => {
    expect(await complaint(`{"x":${deepArray}}`)).toBe('body: unknown field "x"');
    expect(await complaint(deepArray)).toBe("body: must be a JSON object");
    expect(await complaint("[".repeat(80_000))).toMatch(/^body: must be JSON; line 1, column 80001: it ends/);
  });

  test("where messages nest", async () => {
    expect(await complaint(`{"filter":${deepFilter(5000)}}`)).toBe(
      `filter${".and_also".repeat(99)}: must not be nested deeper than 100 levels`,
    );
    expect(await imported(`{"filter":${deepFilter(98)}}`)).toHaveProperty("filter.andAlso.andAlso");
  });

  test("where any value may be", async () => {
    expect(await complaint(`{"books":[{"extra":${deepArray}}]}`)).toBe(
      "books[0].extra: does not fit google.protobuf.Value",
    );
    expect(await complaint(`{"books":[{"extra":${"[".repeat(98)}${"]".repeat(98)}}]}`)).toBe(
      "body: must be the JSON form of binding.test.v1.ImportBooksRequest, nested no deeper than 100 levels",
    );
  });
});
