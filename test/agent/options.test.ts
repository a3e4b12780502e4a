import { describe, expect, test } from "vitest";
import { type AgentOptions, dispatches, plainDispatches } from "../../src/agent/index.js";

const options: AgentOptions = { server: "https://localhost:8443", cert: "", key: "", hostname: "web-01" };

describe.each([
  ["dispatches", dispatches],
  ["plainDispatches", plainDispatches],
])("%s", (_, open) => {
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

  test("takes a wait longer than servers give with a timeout for what they do give", () => {
    expect(() => open({ ...options, waitSeconds: 3_600, timeoutMs: 65_000 })).not.toThrow();
  });
});
