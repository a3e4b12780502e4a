import { describe, expect, test } from "vitest";
import { captureText, parseTemplate, type Variable } from "../../../src/http/binding/template.js";

function variablesOf(template: string): readonly Variable[] {
  return parseTemplate(template).variables;
}

function capture(template: string, path: string): (string | undefined)[] {
  const segments = path.slice(1).split("/");
  return variablesOf(template).map((variable) => captureText(variable, segments));
}

describe("the grammar of a path template", () => {
  test("takes literals, wildcards and a verb", () => {
    expect(parseTemplate("/v1/*/a:b/**:purge")).toEqual({
      text: "/v1/*/a:b/**:purge",
      segments: [{ kind: "literal", text: "v1" }, { kind: "any" }, { kind: "literal", text: "a:b" }, { kind: "rest" }],
      variables: [],
      verb: "purge",
    });
  });

  test("takes a variable as one segment unless it says otherwise", () => {
    expect(variablesOf("/v1/{shelf.id}/books/{book=*}")).toEqual([
      { fieldPath: "shelf.id", start: 1, end: 2, multiple: false },
      { fieldPath: "book", start: 3, end: 4, multiple: false },
    ]);
  });

  test("takes a variable of several segments, with a verb behind it", () => {
    const template = parseTemplate("/v1/{name=shelves/*/books/*}:read");
    expect(template.variables).toEqual([{ fieldPath: "name", start: 1, end: 5, multiple: true }]);
    expect(template.segments.map((segment) => segment.kind)).toEqual(["literal", "literal", "any", "literal", "any"]);
    expect(template.verb).toBe("read");
  });

  test("compares literals without their percent-encoding", () => {
    expect(parseTemplate("/a%20b").segments).toEqual([{ kind: "literal", text: "a b" }]);
  });

  test.each([
    ["", /expected "\/"/],
    ["v1", /unexpected "v1"/],
    ["/", /"" is not a segment/],
    ["/v1/", /"" is not a segment/],
    ["/v1//x", /"" is not a segment/],
    ["/v1/{id", /unexpected "{id"/],
    ["/v1/{id}x", /unexpected "x"/],
    ["/v1/x{id}", /unexpected "{id}"/],
    ["/v1/{id={x}}", /unexpected/],
    ["/v1/{}", /"" is not a field path/],
    ["/v1/{a..b}", /"a..b" is not a field path/],
    ["/v1/{1a}", /"1a" is not a field path/],
    ["/v1/{id=}", /"" is not a segment/],
    ["/v1/{id=/x}", /"" is not a segment/],
    ["/v1/a b", /"a b" is not a segment/],
    ["/v1/%zz", /"%zz" is not a segment/],
    ["/v1/%ff", /"%ff" is not a segment/],
    ["/v1/***", /is not a segment/],
    ["/**/x", /must be the last segment/],
    ["/{a=**}/{b}", /must be the last segment/],
  ])("refuses %j", (template, problem) => {
    expect(() => parseTemplate(template)).toThrow(problem);
  });
});

describe("what a variable captures", () => {
  test("is decoded wholly if it is one segment", () => {
    expect(capture("/{a}/{b=*}", "/x%2Fy%20z/%C3%BC+")).toEqual(["x/y z", "ü+"]);
  });

  test("keeps %2F as it is if it is several segments", () => {
    expect(capture("/v1/{name=files/*}", "/v1/files/a%2Fb%2fc%20d%25")).toEqual(["files/a%2Fb%2fc d%"]);
    expect(capture("/v1/{name=**}", "/v1/a/b%2Fc")).toEqual(["a/b%2Fc"]);
  });

  test("is nothing where ** matches no segment", () => {
    expect(capture("/v1/{name=**}", "/v1")).toEqual([""]);
  });

  test("is refused if it is not percent-encoded UTF-8", () => {
    expect(capture("/{a}", "/%zz")).toEqual([undefined]);
    expect(capture("/{a}", "/%ff")).toEqual([undefined]);
    expect(capture("/{a=**}", "/x/%e2%2F%82")).toEqual([undefined]);
  });
});
