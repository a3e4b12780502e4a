import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { DispatchError, type ErrorReason, errorTable } from "../../src/dispatch/errors.js";
import { errorBody, errorHeaders, httpStatus, toConnectError } from "../../src/http/errors.js";

const isReason = (name: string): name is ErrorReason => name in errorTable;
const reasons = Object.keys(errorTable).filter(isReason);

describe.each(reasons)("the error %s", (reason) => {
  const error = new DispatchError(reason, "so it is", { retryAfterSeconds: 7 });

  test("has a status that means an error", () => {
    expect(httpStatus[reason]).toBeGreaterThanOrEqual(400);
    expect(httpStatus[reason]).toBeLessThan(600);
  });

  test("says the same code on plain HTTP and on the RPC wires", () => {
    const { code } = JSON.parse(errorBody(error));
    expect(code).toBe(errorTable[reason].code);
    expect(Code[toConnectError(error).code]?.toLowerCase()).toBe(code.replaceAll("_", ""));
  });

  test("carries its message and its headers on both", () => {
    expect(JSON.parse(errorBody(error))).toEqual({ code: errorTable[reason].code, message: "so it is" });
    const { rawMessage, metadata } = toConnectError(error);
    expect([rawMessage, metadata.get("retry-after")]).toEqual(["so it is", "7"]);
  });
});

describe("the statuses that the contract of the agents' path names", () => {
  test.each<[ErrorReason, number]>([
    ["invalid_argument", 400],
    ["unauthenticated", 401],
    ["permission_denied", 403],
    ["method_not_allowed", 405],
    ["superfluous_poll", 429],
    ["unsupported_protocol", 426],
    ["internal", 500],
    ["draining", 503],
  ])("%s: %d", (reason, status) => {
    expect(httpStatus[reason]).toBe(status);
  });
});

describe("the statuses of what an agent says of a dispatch, and an operator asks for", () => {
  test.each<[ErrorReason, number]>([
    ["unknown_dispatch", 404],
    ["attempt_over", 400],
    ["too_late", 400],
    ["no_queue", 400],
    ["not_revoked", 404],
    ["store_unavailable", 503],
  ])("%s: %d, which is Connect's for its code", (reason, status) => {
    expect(httpStatus[reason]).toBe(status);
  });
});

describe("headers", () => {
  test("are only those that the error has", () => {
    expect(errorHeaders(new DispatchError("internal", ""))).toEqual({});
    expect(errorHeaders(new DispatchError("draining", "", { retryAfterSeconds: 0 }))).toEqual({ "retry-after": "0" });
    expect(errorHeaders(new DispatchError("method_not_allowed", "", { allow: ["GET", "HEAD"] }))).toEqual({
      allow: "GET, HEAD",
    });
  });
});

describe("what was not meant for a caller", () => {
  const secret = "/var/lib/secret.db";

  test.each([[new Error(secret)], [new TypeError(secret)], [secret], [{ message: secret }], [undefined], [null]])(
    "is an internal error that tells nothing: %s",
    (thrown) => {
      const error = toConnectError(thrown);
      expect([error.code, error.rawMessage, [...error.metadata]]).toEqual([Code.Internal, "internal error", []]);
      expect(errorBody(DispatchError.from(thrown))).toBe('{"code":"internal","message":"internal error"}');
    },
  );

  test("is a cause that stays behind", () => {
    const error = new DispatchError("store_unavailable", "disk full", { cause: new Error(secret) });
    expect(errorBody(error)).not.toContain(secret);
    expect(JSON.stringify(toConnectError(error))).not.toContain(secret);
    expect(toConnectError(error).cause).toBeUndefined();
  });
});

test("what Connect itself found wrong stays what it is", () => {
  const found = new ConnectError("bad encoding", Code.InvalidArgument);
  expect(toConnectError(found)).toBe(found);
});
