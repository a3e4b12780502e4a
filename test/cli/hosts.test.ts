import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostsCommand } from "../../src/cli/hosts.js";
import { statsCommand } from "../../src/cli/stats.js";
import { systemClock } from "../../src/telemetry/clock.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { Served } from "./history/served.js";

let served: Served;
beforeAll(async () => {
  served = await Served.start();
  await served.enqueue("web-01", "stable@a1", "stable@b2");
  await served.enqueue("db-01", "stable@a1");
  await (await served.agent("web-01")).take("wait=0");
  const parked = await served.agent("web-02");
  // Nobody waits for its end: the server's drain answers it.
  parked.take("wait=60").catch(() => undefined);
  for (;;) {
    if ((await names("--parked")).includes("web-02")) return;
  }
});
afterAll(() => served.close());

const hosts = (...args: string[]) => served.run(hostsCommand, args);

async function reports(...args: string[]) {
  const { code, stdout } = await hosts(...args, "--json");
  expect(code).toBe(0);
  return jsonLines(stdout);
}

const names = async (...args: string[]) => (await reports(...args)).map(({ hostname }) => hostname);

describe("hosts", () => {
  test("lists who has polled or has dispatches, with what is known of each", async () => {
    const { stdout, stderr } = await hosts();
    expect(stderr).toBe("");
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(
      /^HOST +PARKED +LAST SEEN +ADDRESS +WIRE +AGENT +CERTIFICATE ENDS +PENDING +LAST DISPATCH +STATE +SINCE$/,
    );
    expect(lines[1]).toMatch(/^db-01 +no +never +- +- +- +- +1 +- +- +-$/);
    expect(lines[2]).toMatch(
      /^web-01 +no +(now|\d+ s ago) +127\.0\.0\.1 +http +- +in \d+ \w +1 +stable@a1 +delivered +(now|\d+ s ago)$/,
    );
    expect(lines[3]).toMatch(/^web-02 +1 for \d+ s +/);
  });

  test("with --json prints the fields of the documentation", async () => {
    const all = await reports();
    expect(all.map(Object.keys)).toEqual(all.map(() => documentedFields("hosts")));
    expect(all[0]).toMatchObject({
      hostname: "db-01",
      last_seen_at: null,
      parked_polls: 0,
      parked_since: null,
      parked_at: [],
      pending: 1,
    });
    expect(all[1]).toMatchObject({
      last_rollout_id: "stable@a1",
      last_state: "delivered",
      wire: "http",
      revoked_before: null,
    });
    expect(all[2]).toMatchObject({ hostname: "web-02", parked_polls: 1, parked_since: expect.stringMatching(/Z$/) });
  });

  test("narrows down by name, by who is parked, and by who is away", async () => {
    expect(await names("--host", "web-01")).toEqual(["web-01"]);
    expect(await names("--host-prefix", "web")).toEqual(["web-01", "web-02"]);
    expect(await names("--parked")).toEqual(["web-02"]);
    // Who has never polled is away for any time; whose poll is parked is not.
    expect(await names("--not-seen-for", "1h")).toEqual(["db-01"]);
    expect(await names("--not-seen-for", "0s")).toEqual(["db-01", "web-01"]);
    expect(await hosts("--host", "nobody")).toEqual({ code: 0, stdout: "", stderr: "no host was found\n" });
  });

  test("--not-seen-for wants a duration: exit code 2", async () => {
    const { code, stderr } = await hosts("--not-seen-for", "yesterday");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: --not-seen-for: must be/)]);
  });
});

describe("stats", () => {
  test("with --json prints the fields of the documentation", async () => {
    const [stats] = jsonLines((await served.run(statsCommand, ["--json"])).stdout);
    expect(Object.keys(stats)).toEqual(documentedFields("stats"));
    expect(stats.states).toEqual({
      ...{ pending: 2, leased: 0, delivered: 1, acknowledged: 0, rejected: 0 },
      ...{ cancelled: 0, superseded: 0, expired: 0, dead: 0 },
    });
    expect(stats).toMatchObject({ parked_polls: 1, parked_hosts: 1, hosts: 2, version: "0.1.0" });
    expect(stats.oldest_pending_ms).toBeGreaterThanOrEqual(0);
    expect(Math.abs(stats.clock_ahead_ms)).toBeLessThan(10_000);
  });

  test("prints a number for each state, and what people ask next", async () => {
    const { code, stdout, stderr } = await served.run(statsCommand, []);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^pending {7}2\nleased {8}0\ndelivered {5}1\n/);
    expect(stdout).toMatch(/\noldest pending {2}\d+ s old\nparked polls {4}1 of 1 host\nhosts {11}2\n/);
    expect(stdout).toMatch(/\nup for {10}\d+ s\nversion {9}0\.1\.0\n$/);
  });

  test("warns of a clock that is wrong", async () => {
    const late = { ...systemClock, nowMs: () => Date.now() - 90_000 };
    const other = await Served.start({ clock: late });
    const { code, stderr } = await other.run(statsCommand, []);
    expect([code, stderr]).toEqual([0, "warning: the server's clock is 1 m 30 s behind this machine's\n"]);
    await other.close();
  });
});
