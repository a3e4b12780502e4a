import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { machineIdFromCn } from "../../src/identity/machine-id.js";

const suffix = "fleet.lab.internal";

describe("the machine id of a Common Name", () => {
  test.each([
    ["agent-web-01.fleet.lab.internal", "web-01"],
    ["agent-db.eu.fleet.lab.internal", "db.eu"],
    ["agent-agent-x.fleet.lab.internal", "agent-x"],
  ])("is what stands between prefix and suffix: %s", (cn, id) => {
    expect(machineIdFromCn(cn, suffix)).toBe(id);
  });

  test.each([
    "web-01",
    "agent-web-01",
    "web-01.fleet.lab.internal",
    "agent-web-01.fleet.lab.internal.evil",
    "agent-web-01.fleet.lab.internalx",
    "agent-web-01xfleet.lab.internal",
    "Agent-web-01.fleet.lab.internal",
    "agent-.fleet.lab.internal",
    ".fleet.lab.internal",
    "agent-",
    "",
  ])("is the whole of any other name, as it is: %j", (cn) => {
    expect(machineIdFromCn(cn, suffix)).toBe(cn);
  });

  test("does not take the suffix for a pattern", () => {
    expect(machineIdFromCn("agent-a.fleetxlab", "fleet.lab")).toBe("agent-a.fleetxlab");
  });

  test("comes back from every name that was made from it", () => {
    const id = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,40}$/);
    fc.assert(
      fc.property(id, id, (machineId, ending) => machineIdFromCn(`agent-${machineId}.${ending}`, ending) === machineId),
    );
  });
});
