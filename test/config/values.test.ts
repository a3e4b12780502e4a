import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { duration, parseDuration } from "../../src/config/duration.js";
import { formatHostPort, isLoopback, parseHostPort } from "../../src/config/host-port.js";
import { commonNamePatterns, domain, serverUrl } from "../../src/config/names.js";
import { BrokenRule } from "../../src/config/setting.js";
import { nearest } from "../../src/config/suggest.js";

describe("a duration", () => {
  test.each([
    ["250ms", 250],
    ["0s", 0],
    ["5s", 5000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
  ])("%s is %d ms", (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  test.each(["5", "", "5 s", "1.5s", "-5s", "5S", "5sec", "s", "5s ", "1h30m", "99999999999999d", "999999999999d"])(
    "%j is refused",
    (text) => {
      expect(() => parseDuration(text)).toThrow(BrokenRule);
    },
  );

  test("a number without a unit is told which units there are", () => {
    expect(() => parseDuration("30")).toThrow("with a unit (ms, s, m, h or d)");
  });

  test("keeps to its bounds, both included", () => {
    const { parse } = duration({ atLeast: "100ms", atMost: "15s" });
    expect(parse(["100ms"], "/")).toBe(100);
    expect(parse(["15s"], "/")).toBe(15_000);
    expect(() => parse(["99ms"], "/")).toThrow("must be from 100ms to 15s");
    expect(() => parse(["15001ms"], "/")).toThrow("must be from 100ms to 15s");
  });
});

describe("a HOST:PORT", () => {
  test.each([
    ["127.0.0.1:8443", { host: "127.0.0.1", port: 8443 }],
    ["[::1]:8443", { host: "::1", port: 8443 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["0.0.0.0:65535", { host: "0.0.0.0", port: 65_535 }],
  ])("%s is read, and written the same again", (text, parsed) => {
    expect(parseHostPort(text)).toEqual(parsed);
    expect(formatHostPort(parsed)).toBe(text);
  });

  test.each([
    "8443",
    ":8443",
    "localhost",
    "localhost:",
    "localhost:65536",
    "::1:8443",
    "[::1]",
    "[web]:1",
    "a b:1",
    "",
  ])("%j is refused", (text) => {
    expect(() => parseHostPort(text)).toThrow(BrokenRule);
  });

  test("only this machine's own addresses are loopback", () => {
    expect(["localhost", "127.0.0.1", "127.1.2.3", "::1"].filter(isLoopback)).toHaveLength(4);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.example.com", "localhost.example.com"].filter(isLoopback)).toEqual([]);
  });
});

describe("an operator pattern", () => {
  test.each(["operator-*", "*-operator", "alice", "Alice Smith", "a*b"])("%j is taken", (pattern) => {
    expect(commonNamePatterns.parse([pattern], "/")).toEqual([pattern]);
  });

  test.each(["*", "", "a*b*", " alice", "al\nice", "\u0430lice"])("%j is refused", (pattern) => {
    expect(() => commonNamePatterns.parse([pattern], "/")).toThrow(BrokenRule);
  });

  test("at least one is needed", () => {
    expect(() => commonNamePatterns.parse([], "/")).toThrow("at least one");
  });
});

describe("a server's address", () => {
  test.each([
    ["https://localhost:8443", "https://localhost:8443"],
    ["https://dispatch.example/", "https://dispatch.example"],
    ["https://[::1]:8443", "https://[::1]:8443"],
  ])("%s is taken", (text, origin) => {
    expect(serverUrl.parse([text], "/")).toBe(origin);
  });

  test.each(["localhost:8443", "http://localhost:8443", "https://a/b", "https://u:p@a", "https://a?b", "https://", ""])(
    "%j is refused",
    (text) => {
      expect(() => serverUrl.parse([text], "/")).toThrow(BrokenRule);
    },
  );
});

test("a domain is lower-case labels with dots", () => {
  expect(domain.parse(["fleet.lab.internal"], "/")).toBe("fleet.lab.internal");
  for (const bad of ["", "Fleet.lab", ".lab", "lab.", "a..b", "-a", "a_b"]) {
    expect(() => domain.parse([bad], "/")).toThrow(BrokenRule);
  }
});

describe("did you mean", () => {
  test.each([
    ["lisen", "listen"],
    ["tls_cert", "tls-cert"],
    ["LISTEN", "listen"],
    ["frobnicate", undefined],
    ["x", undefined],
  ])("%s: %s", (word, meant) => {
    expect(nearest(word, ["listen", "tls-cert", "db"])).toBe(meant);
  });

  test("a word is always nearest to itself", () => {
    const words = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, selector: (word) => word.toLowerCase() });
    fc.assert(fc.property(words, (candidates) => candidates.every((word) => nearest(word, candidates) === word)));
  });
});
