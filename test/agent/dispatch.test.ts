import { describe, expect, test } from "vitest";
import { dispatchFromJson, dispatchToJson } from "../../src/agent/dispatch.js";

const json = {
  hostname: "web-01",
  rollout_id: "stable@a1b2c3d4",
  target_closure: "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05",
  soak_due_at: "2026-05-16T01:30:00Z",
  enqueued_at: "2026-05-16T01:27:00.000001Z",
};

describe("dispatchFromJson", () => {
  test("takes the five fields as they are, and gives them back so", () => {
    expect(dispatchToJson(dispatchFromJson(json))).toEqual(json);
  });

  test("ignores fields that it does not know", () => {
    expect(dispatchFromJson({ ...json, lease: { token: "t" }, __proto__: null })).toEqual(dispatchFromJson(json));
  });

  test.each(Object.keys(json))("refuses a dispatch in which %s is missing, null, a number or empty", (name) => {
    const { [name]: _, ...without } = { ...json } as Record<string, unknown>;
    expect(() => dispatchFromJson(without)).toThrow(`${name} is missing`);
    for (const value of [null, 5, "", ["web-01"]]) {
      expect(() => dispatchFromJson({ ...json, [name]: value })).toThrow(`${name} is not a non-empty string`);
    }
  });

  test.each(["rolloutId", "soakDueAt"])("does not take lowerCamelCase names (%s)", (name) => {
    const snake = name === "rolloutId" ? "rollout_id" : "soak_due_at";
    const { [snake]: value, ...rest } = json;
    expect(() => dispatchFromJson({ ...rest, [name]: value })).toThrow(`${snake} is missing`);
  });

  test.each(["", ".123", ".123456", ".123456789"])(
    "takes instants with the fraction %j, which Date can read",
    (fraction) => {
      const { soakDueAt } = dispatchFromJson({ ...json, soak_due_at: `2026-05-16T01:30:00${fraction}Z` });
      expect(new Date(soakDueAt).getTime()).toBe(Date.UTC(2026, 4, 16, 1, 30, 0, fraction === "" ? 0 : 123));
    },
  );

  test.each([
    "2026-05-16",
    "2026-05-16T01:30:00",
    "2026-05-16T01:30:00+00:00",
    "2026-05-16T01:30:00.1Z",
    "2026-13-16T01:30:00Z",
    "1778895000",
  ])("refuses %j as an instant", (value) => {
    expect(() => dispatchFromJson({ ...json, enqueued_at: value })).toThrow("enqueued_at is not an RFC 3339 instant");
  });

  test.each([[[json]], ["text"], [5], [true], [undefined]])("refuses what is no object", (value) => {
    expect(() => dispatchFromJson(value)).toThrow("no JSON object");
  });
});
