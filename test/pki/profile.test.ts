import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/config/usage-error.js";
import { agentProfile, operatorProfile, serverProfile } from "../../src/pki/profile.js";

const validity = { now: new Date("2026-05-16T01:30:00Z"), days: 1 };
const badNames = [
  "",
  "Web-01",
  "web_01",
  "-web",
  "web-",
  "a..b",
  ".",
  "web 01",
  "web/01",
  "../ca",
  "a\0b",
  "a".repeat(64),
];

describe("names are checked", () => {
  test.each(badNames)("%j is no machine id, operator, suffix or server", (name) => {
    expect(() => agentProfile(name, "fleet.lab.internal", validity)).toThrow(UsageError);
    expect(() => agentProfile("web-01", name, validity)).toThrow(UsageError);
    expect(() => operatorProfile(name, validity)).toThrow(UsageError);
    expect(() => serverProfile(["localhost", name], validity)).toThrow(UsageError);
  });

  test("a machine id may have dots", () => {
    const [part] = agentProfile("web-01.paris", "fleet.lab.internal", validity).subject;
    expect(part).toEqual({ type: "CN", value: "agent-web-01.paris.fleet.lab.internal" });
  });

  test("a Common Name has at most 64 characters, as X.509 says", () => {
    const fits = "a".repeat(64 - "operator-".length);
    expect(operatorProfile(fits, validity).subject[0]?.value).toHaveLength(64);
    expect(() => operatorProfile(`${fits}a`, validity)).toThrow("64 characters");
  });

  test("a server needs a name, and has each once", () => {
    expect(() => serverProfile([], validity)).toThrow("at least one name");
    expect(serverProfile(["::1", "a", "::1"], validity).names).toEqual(["::1", "a"]);
  });
});
