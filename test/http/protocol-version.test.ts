import { describe, expect, test } from "vitest";
import { DispatchError } from "../../src/dispatch/errors.js";
import { assertProtocolVersion } from "../../src/http/protocol-version.js";

function judge(value: string | string[] | undefined): string {
  try {
    assertProtocolVersion(value === undefined ? {} : { "x-nixfleet-protocol": value });
    return "accepted";
  } catch (error) {
    return error instanceof DispatchError ? error.reason : String(error);
  }
}

describe("the version in X-Nixfleet-Protocol", () => {
  test("may be absent", () => {
    expect(judge(undefined)).toBe("accepted");
  });

  test.each(["1", "1.0", "1.2", "1.999999999.0", "01"])("%j is spoken here", (value) => {
    expect(judge(value)).toBe("accepted");
  });

  test.each(["0", "2", "10", "11", "2.1", "999999999"])("%j is another major version", (value) => {
    expect(judge(value)).toBe("unsupported_protocol");
  });

  test.each(["", "v1", "1.", ".1", "-1", "+1", "1.2.3.4", "1,0", "1, 1", "1e0", "0x1", "1\n", "١", "1".repeat(10)])(
    "%j is malformed",
    (value) => {
      expect(judge(value)).toBe("invalid_argument");
    },
  );

  test("given twice is malformed", () => {
    expect(judge(["1", "1"])).toBe("invalid_argument");
  });
});
