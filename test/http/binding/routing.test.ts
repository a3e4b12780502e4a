import { describe, expect, test } from "vitest";
import { openLibrary, refusal } from "./library.js";

const { binding } = openLibrary();

function routed(method: string, path: string): { rpc: string; texts: Record<string, string> } {
  const { endpoint, pathTexts } = binding.route(method, path);
  return {
    rpc: endpoint.rpc.name,
    texts: Object.fromEntries(pathTexts.map(({ field, text }) => [field.name, text])),
  };
}

describe("a path finds its RPC", () => {
  test.each([
    ["GET", "/v1/search", "Search", {}],
    ["GET", "/v1/shelves/7/books/emma", "GetBook", { shelf_id: "7", book_id: "emma" }],
    ["GET", "/v1/shelves/7/books/a%2Fb", "GetBook", { shelf_id: "7", book_id: "a/b" }],
    ["GET", "/v1/volumes/1/pages/2%2F3", "GetBook", { name: "volumes/1/pages/2%2F3" }],
    ["GET", "/v1/files/a/b/c", "GetBook", { name: "a/b/c" }],
    ["GET", "/v1/files", "GetBook", { name: "" }],
    ["GET", "/v1/titles/Emma%20II", "GetBook", { "filter.title": "Emma II" }],
    ["PATCH", "/v1/books/emma", "CreateBook", { "book.name": "books/emma" }],
    ["POST", "/v1/books:import", "ImportBooks", {}],
    ["PURGE", "/v1/books:import", "ImportBooks", {}],
    ["POST", "/v1/shelves/7:import", "ImportBooks", { shelf_id: "7" }],
    ["POST", "/v1/shelves/a:b:import", "ImportBooks", { shelf_id: "a:b" }],
    ["DELETE", "/v1/shelves/7:other", "DeleteShelf", { shelf_id: "7:other" }],
    ["DELETE", "/v1/shelves/7:import", "DeleteShelf", { shelf_id: "7:import" }],
    ["DELETE", "/v1/shelves/..", "DeleteShelf", { shelf_id: ".." }],
    ["OPTIONS", "/v1/anything", "DeleteShelf", {}],
  ])("%s %s", (method, path, rpc, texts) => {
    expect(routed(method, path)).toEqual({ rpc, texts });
  });

  test("also if it is percent-encoded where it need not be", () => {
    expect(routed("GET", "/v1/%73earch").rpc).toBe("Search");
  });
});

describe("a path that is not served is 404", () => {
  test.each(
    [
      ["", "*", "/", "//", "/v1", "/v2/search", "v1/search", "/v1/search/", "//v1/search", "/v1//search", "/v1/Search"],
      ["/v1/shelves//books/emma", "/v1/shelves/7/books/", "/v1/files/", "/v1/files/a//b"],
      ["/v1/search\0", "/v1/sear ch", "/v1/süch", "/v1/files/ü", "/v1/%zz", "/v1%2Fsearch", "/v1/search%00", "/\ud800"],
    ].flat(),
  )("%j", async (path) => {
    const error = await refusal(() => binding.route("GET", path));
    expect(error.reason).toBe("no_such_path");
  });
});

describe("a method that is not bound is 405 with what is", () => {
  test.each([
    ["HEAD", "/v1/search", ["GET"]],
    ["get", "/v1/search", ["GET"]],
    ["", "/v1/search", ["GET"]],
    ["*", "/v1/search", ["GET"]],
    ["GET", "/v1/books:import", ["POST", "PURGE"]],
    ["GET", "/v1/shelves/7:import", ["DELETE", "POST"]],
    // No shelf is named before the verb, so ":import" is the shelf.
    ["POST", "/v1/shelves/:import", ["DELETE"]],
    ["POST", "/v1/files/%zz", ["GET"]],
  ])("%s %s", async (method, path, allow) => {
    const error = await refusal(() => binding.route(method, path));
    expect(error.reason).toBe("method_not_allowed");
    expect(error.allow).toEqual(allow);
    expect(error.message).toBe(`this path takes only ${allow.join(", ")}`);
  });
});

describe("a field with a bad percent-encoding is 400", () => {
  test.each([
    ["/v1/shelves/%zz/books/x", "shelf_id"],
    ["/v1/shelves/1/books/%ff", "book_id"],
    ["/v1/shelves/1/books/%00", "book_id"],
    ["/v1/files/a/%", "name"],
  ])("%s", async (path, field) => {
    const error = await refusal(() => binding.route("GET", path));
    expect(error.reason).toBe("invalid_argument");
    expect(error.message).toBe(`${field}: must be percent-encoded UTF-8 without NUL`);
  });
});
