import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createBinding } from "../../../src/http/binding/binding.js";
import { GetBookResponseSchema, LibraryService } from "./gen/binding/test/v1/library_pb.js";
import { openLibrary, refusal } from "./library.js";

const bookPath = "/v1/shelves/1/books/2";

describe("the answer", () => {
  test("has the names of the schema and every field without presence", async () => {
    expect(await openLibrary().send("DELETE", "/v1/shelves/7")).toEqual({
      status: 200,
      body: '{"shelf_id":"7","force":false}',
    });
  });

  test("is the whole message where the annotation names no field", async () => {
    const library = openLibrary(create(GetBookResponseSchema, { book: { title: "Emma" }, note: "" }));
    expect(await library.json("GET", "/v1/files/a")).toEqual({
      book: expect.objectContaining({ title: "Emma" }),
      titles: [],
      note: "",
    });
  });
});

describe("response_body", () => {
  test("answers that message alone", async () => {
    const book = {
      title: "Emma",
      printedAt: { seconds: 0n, nanos: 1000 },
      origin: { case: "invoice", value: 0 },
    } as const;
    expect(await openLibrary(create(GetBookResponseSchema, { book })).json("GET", bookPath)).toEqual({
      name: "",
      title: "Emma",
      colour: "COLOUR_UNSPECIFIED",
      printed_at: "1970-01-01T00:00:00.000001Z",
      parts: [],
      copies: {},
      editions: {},
      invoice: 0,
    });
  });

  test("answers 204 if that message is unset", async () => {
    expect(await openLibrary().send("GET", bookPath)).toEqual({ status: 204 });
  });

  test("answers a list, also an empty one", async () => {
    expect(await openLibrary().send("GET", "/v1/titles/x")).toEqual({ status: 200, body: "[]" });
    const library = openLibrary(create(GetBookResponseSchema, { titles: ["Emma"] }));
    expect(await library.send("GET", "/v1/titles/x")).toEqual({ status: 200, body: '["Emma"]' });
  });

  test("answers an optional scalar, and 204 if that is unset", async () => {
    expect(await openLibrary().send("GET", "/v1/colours/1")).toEqual({ status: 204 });
    const library = openLibrary(create(GetBookResponseSchema, { note: "" }));
    expect(await library.send("GET", "/v1/colours/1")).toEqual({ status: 200, body: '""' });
  });
});

test("a message that has no JSON form is an internal error that tells nothing", async () => {
  const library = openLibrary(create(GetBookResponseSchema, { book: { printedAt: { nanos: -1 } } }));
  const error = await refusal(() => library.send("GET", bookPath));
  expect(error.reason).toBe("internal");
  expect(error.message).toBe("internal error");
  expect(error.cause).toBeInstanceOf(Error);
});

test("the service gets the RPC and what the caller knows of the call, and its errors pass as they are", async () => {
  const failure = new Error("no such book");
  const calls: unknown[] = [];
  const service = {
    service: LibraryService,
    invoke(...call: unknown[]) {
      calls.push(call);
      return Promise.reject(failure);
    },
  };
  const binding = createBinding<string>([service], { maxBodyBytes: 1 });
  const route = binding.route("GET", "/v1/search");
  const readBody = () => Promise.reject(new Error("not to be read"));
  const request = { method: "GET", path: "/v1/search", query: "", contentType: undefined, readBody };
  await expect(binding.handle(route, request, "alice")).rejects.toBe(failure);
  expect(calls).toEqual([[LibraryService.method.search, expect.objectContaining({ aString: "" }), "alice"]]);
});
