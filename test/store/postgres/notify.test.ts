import { describe, expect, test } from "vitest";
import { anyHost, hostPayloads, wordFrom } from "../../../src/store/postgres/notify.js";
import { host } from "../../support/dispatches.js";

const long = (i: number) =>
  host(`${String(i).padStart(60, "a")}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}`);

describe("what a server tells the others", () => {
  test("is one word for a few hosts, and says who tells it", () => {
    const payloads = hostPayloads("me", [host("web-01"), host("web-02")]);
    expect(payloads.map(wordFrom)).toEqual([{ serverId: "me", about: ["web-01", "web-02"] }]);
  });

  test("is nothing for no host", () => {
    expect(hostPayloads("me", [])).toEqual([]);
  });

  test("is cut into words of less than 8,000 bytes, and every host is in one", () => {
    const hosts = Array.from({ length: 200 }, (_, i) => long(i));
    const payloads = hostPayloads("me", hosts);
    expect(payloads.length).toBeGreaterThan(1);
    expect(payloads.every((payload) => Buffer.byteLength(payload) < 8_000)).toBe(true);
    expect(payloads.flatMap((payload) => wordFrom(payload).about)).toEqual(hosts);
  });

  test("is one word for any host where the names would be too many", () => {
    const hosts = Array.from({ length: 2_000 }, (_, i) => long(i));
    expect(hostPayloads("me", hosts).map(wordFrom)).toEqual([{ serverId: "me", about: [anyHost] }]);
  });
});
