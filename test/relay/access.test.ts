import { describe, expect, test } from "vitest";
import { refusalOf } from "../../src/relay/access.js";

const hosts = new Set(["127.0.0.1:4000"]);
const own = { host: "127.0.0.1:4000", origin: "http://127.0.0.1:4000" };

function statusOf(method: string, headers: Record<string, string>): number | undefined {
  return refusalOf({ method, headers }, hosts)?.status;
}

describe("who may come to the relay", () => {
  test("its own page may, in browsers that say where a request comes from and in those that do not", () => {
    expect(statusOf("POST", own)).toBeUndefined();
    expect(statusOf("POST", { ...own, "sec-fetch-site": "same-origin" })).toBeUndefined();
    expect(statusOf("GET", { host: own.host })).toBeUndefined();
  });

  test("a name that points here is not the relay's: DNS rebinding", () => {
    expect(statusOf("GET", { host: "evil.example:4000" })).toBe(403);
    expect(statusOf("POST", { host: "evil.example:4000", origin: "http://evil.example:4000" })).toBe(403);
    expect(statusOf("GET", { host: "127.0.0.1:4001" })).toBe(403);
    expect(statusOf("GET", {})).toBe(403);
  });

  test.each(["http://evil.example", "https://127.0.0.1:4000", "http://localhost:4000", "null", ""])(
    "a POST from the origin %j is refused, however good its cookie",
    (origin) => {
      expect(statusOf("POST", { host: own.host, origin })).toBe(403);
    },
  );

  test("a POST without Origin is refused: every browser sends one", () => {
    expect(statusOf("POST", { host: own.host })).toBe(403);
  });

  test("a POST whose Origin is right, but which the browser says comes from elsewhere, is refused", () => {
    expect(statusOf("POST", { ...own, "sec-fetch-site": "same-site" })).toBe(403);
  });

  test("another site may link to it, but not load what it serves", () => {
    const from = { host: own.host, "sec-fetch-site": "cross-site" };
    expect(statusOf("GET", { ...from, "sec-fetch-mode": "navigate" })).toBeUndefined();
    expect(statusOf("GET", { ...from, "sec-fetch-mode": "no-cors" })).toBe(403);
  });

  test.each(["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])("%s is not served", (method) => {
    expect(statusOf(method, own)).toBe(405);
  });
});
