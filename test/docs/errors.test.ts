import { readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, test } from "vitest";
import { exitNameOf, exitTable } from "../../src/cli/exit.js";
import { DispatchError, type ErrorReason, errorTable } from "../../src/dispatch/errors.js";
import { httpStatus, toConnectError } from "../../src/http/errors.js";
import { errorReasons } from "./error-reasons.js";
import { tableRows } from "./markdown.js";

const page = readFileSync("docs/errors.md", "utf8");

/** gRPC spells one of its codes with two Ls. */
function grpcName(code: string): string {
  return code === "canceled" ? "CANCELLED" : code.toUpperCase();
}

function rowOf(reason: ErrorReason): string[] {
  const { code, meaning } = errorTable[reason];
  const exit = exitTable[exitNameOf(new DispatchError(reason, ""))].code;
  return [
    `\`${reason}\``,
    `\`${code}\``,
    `\`${grpcName(code)}\``,
    String(httpStatus[reason]),
    String(exit),
    meaning,
    expect.stringMatching(/\w.*\.$/),
  ];
}

describe("docs/errors.md", () => {
  test("has one row for each error, in the table's order, as the code has it", () => {
    expect(tableRows(page, "Reason")).toEqual(errorReasons.map(rowOf));
  });

  test.each(errorReasons)("%s reaches the RPC wires with the code of the table", (reason) => {
    expect(toConnectError(new DispatchError(reason, "why")).message).toBe(`[${errorTable[reason].code}] why`);
  });
});

test("the table, the HTTP statuses and the type name the same reasons", () => {
  expectTypeOf<keyof typeof httpStatus>().toEqualTypeOf<ErrorReason>();
  expectTypeOf<DispatchError["reason"]>().toEqualTypeOf<keyof typeof errorTable>();
  expect(Object.keys(httpStatus).sort()).toEqual(errorReasons.toSorted());
});
