import { describe, expect, test } from "vitest";
import { type AgentOptions, dispatches, type LeasedAgentOptions, plainDispatches } from "../../src/agent/index.js";

const options = { server: "https://localhost:8443", cert: "", key: "", hostname: "web-01" };

type Leased = LeasedAgentOptions;

describe.each([
  ["dispatches", (o: AgentOptions) => dispatches(o), (o: Leased) => dispatches(o)],
  ["plainDispatches", (o: AgentOptions) => plainDispatches(o), (o: Leased) => plainDispatches(o)],
])("%s", (_, open, openLeased) => {
  test.each<[Partial<AgentOptions>, string]>([
    [{ server: "http://localhost:8443" }, "server: must be an https URL, not http://"],
    [{ server: "localhost" }, "Invalid URL"],
    [{ hostname: "" }, "hostname: is empty"],
    [{ waitSeconds: -1 }, "waitSeconds: must be a whole number from 0"],
    [{ waitSeconds: 1.5 }, "waitSeconds: must be a whole number from 0"],
    [{ timeoutMs: 60_000 }, "timeoutMs: must be more than the wait of 60000 ms"],
    [{ waitSeconds: 3_600, timeoutMs: 60_000 }, "timeoutMs: must be more than the wait of 60000 ms"],
    [{ waitSeconds: 0, timeoutMs: 0 }, "timeoutMs: must be more than the wait of 0 ms"],
    [{ timeoutMs: 2 ** 31 }, "timeoutMs: must be"],
  ])("refuses %j at once", (change, message) => {
    expect(() => open({ ...options, ...change })).toThrow(message);
  });

  test.each([0, 3_601, 1.5, -1, Number.NaN])("refuses a lease of %d s at once", (leaseSeconds) => {
    expect(() => openLeased({ ...options, leaseSeconds })).toThrow(
      "leaseSeconds: must be a whole number from 1 to 3600",
    );
  });

  test.each([1, 3_600])("takes a lease of %d s", (leaseSeconds) => {
    expect(() => openLeased({ ...options, leaseSeconds })).not.toThrow();
  });

  test("takes a wait longer than servers give with a timeout for what they do give", () => {
    expect(() => open({ ...options, waitSeconds: 3_600, timeoutMs: 65_000 })).not.toThrow();
  });
});
