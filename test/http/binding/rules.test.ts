import { expect, test } from "vitest";
import { createBinding } from "../../../src/http/binding/binding.js";
import { LibraryService } from "./gen/binding/test/v1/library_pb.js";
import * as wrong from "./gen/binding/test/v1/wrong_pb.js";
import { unused } from "./library.js";

test.each([
  [wrong.UnknownPathField, "binding.test.v1.Thing has no field nested.nothing"],
  [wrong.JsonNameInPath, "binding.test.v1.Thing has no field longName"],
  [wrong.RepeatedPathField, "ids cannot be in a path, since it is repeated, a map or a message"],
  [wrong.PathFieldBelowRepeated, "things.id cannot be in a path, since it is repeated, a map or a message"],
  [wrong.MessagePathField, "nested cannot be in a path, since it is repeated, a map or a message"],
  [wrong.SamePathFieldTwice, "id is in the path twice"],
  [wrong.UnknownBody, "body: binding.test.v1.Thing has no field nothing"],
  [wrong.BodyInThePath, "body: id is bound by the path"],
  [wrong.BodyOfGet, "a GET has no body"],
  [wrong.UnknownResponseBody, "response_body: binding.test.v1.Thing has no field nothing"],
  [wrong.NoPattern, "it has no HTTP method with a path"],
  [wrong.NestedAdditionalBindings, "additional_bindings must not be nested"],
  [wrong.BadCustomMethod, '"NOT A TOKEN" is not an HTTP method'],
  [wrong.BadTemplate, 'path template "/things/{id": unexpected "{id", expected "/" and a segment'],
  [wrong.Streaming, "only unary RPCs can be bound"],
])("$name is refused at start", (service, problem) => {
  expect(() => createBinding([unused(service)], { maxBodyBytes: 1 })).toThrow(
    new Error(`google.api.http of ${service.typeName}.Call: ${problem}`),
  );
});

test("two RPCs that cannot be told apart are refused at start, with both names", () => {
  expect(() => createBinding([unused(wrong.Colliding)], { maxBodyBytes: 1 })).toThrow(
    "google.api.http: binding.test.v1.Colliding.Second and binding.test.v1.Colliding.First are both bound to GET /{nested.id=things/*}",
  );
});

test("the same service twice is refused at start", () => {
  expect(() => createBinding([unused(LibraryService), unused(LibraryService)], { maxBodyBytes: 1 })).toThrow(
    "are both bound to",
  );
});

test("no services make a binding that serves nothing", () => {
  expect(() => createBinding([], { maxBodyBytes: 1 }).route("GET", "/")).toThrow("no call is served at this path");
});
