import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { judgeClock, judgeReadiness, judgeRefusal, judgeVersion } from "../../../src/cli/doctor/server.js";
import type { KnownStats } from "../../../src/cli/operator/stats-record.js";
import { instantFromMs } from "../../../src/dispatch/instant.js";

const stats: KnownStats = {
  states: [],
  oldestPendingAt: null,
  oldestPendingMs: null,
  parkedPolls: 0,
  parkedHosts: 0,
  hosts: 0,
  lastEventId: 0,
  version: "1.2.3",
  startedAt: instantFromMs(0),
  uptimeMs: 0,
  now: instantFromMs(0),
  clockAheadMs: 0,
  clockUncertainMs: 5,
};

describe("the clock", () => {
  test.each([
    [0, 5, "ok"],
    [2_000, 5, "ok"],
    [-2_100, 5, "warn"],
    [59_000, 5, "warn"],
    [-61_000, 5, "fail"],
    // What the call took cannot be told from a difference.
    [9_000, 8_000, "ok"],
  ])("%i ms apart, give or take %i ms: %s", (clockAheadMs, clockUncertainMs, status) => {
    expect(judgeClock({ ...stats, clockAheadMs, clockUncertainMs }).status).toBe(status);
  });

  test("says which of the two is ahead", () => {
    expect(judgeClock({ ...stats, clockAheadMs: 90_000 }).detail).toBe(
      "the server's clock is 1 m 30 s ahead of this machine's",
    );
    expect(judgeClock({ ...stats, clockAheadMs: -90_000 }).detail).toBe(
      "the server's clock is 1 m 30 s behind this machine's",
    );
  });
});

test("a version that differs is to be looked at, and named with ours", () => {
  expect(judgeVersion(stats, "1.2.3").status).toBe("ok");
  expect(judgeVersion(stats, "1.3.0")).toMatchObject({
    status: "warn",
    detail: "the server is 1.2.3, this program is 1.3.0",
  });
});

describe("/readyz", () => {
  test.each([
    [200, "[+] drain: ok\n[+] store: ok\nready\n", "ok", "drain: ok, store: ok"],
    [503, "[-] drain: draining\n[+] store: ok\nnot ready\n", "fail", "not ready: drain: draining"],
    [502, "<html>Bad gateway</html>", "fail", "/readyz is answered with HTTP 502"],
  ])("%i %j: %s", (status, body, expected, detail) => {
    expect(judgeReadiness({ status, body })).toMatchObject({ status: expected, detail });
  });
});

test.each([
  [Code.PermissionDenied, "fail"],
  [Code.Unauthenticated, "fail"],
  [Code.FailedPrecondition, "warn"],
  [Code.Internal, "fail"],
])("a call that is refused with code %i: %s, with the server's own words", (code, status) => {
  expect(judgeRefusal(new ConnectError("its words", code))).toMatchObject({ status, detail: "its words" });
});
