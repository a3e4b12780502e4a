import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listCommand } from "../../src/cli/list.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { closure, Served, tokenOf } from "./history/served.js";

let served: Served;
beforeAll(async () => {
  served = await Served.start();
  await served.enqueue("web-01", "stable@a1", "edge@b2");
  await served.enqueue("web-02", "stable@a1");
  await served.enqueue("db-01", "stable@a1");
  const agent = await served.agent("web-02");
  const lease_token = tokenOf(await agent.take("wait=0&lease_seconds=60"));
  await agent.post("reject", { rollout_id: "stable@a1", lease_token, reason: "disk\u001b[2J full" });
});
afterAll(() => served.close());

const list = (...args: string[]) => served.run(listCommand, args);

async function pairs(...args: string[]): Promise<string[]> {
  const { code, stdout } = await list(...args, "--json");
  expect(code).toBe(0);
  return jsonLines(stdout).map(({ hostname, rollout_id }) => `${hostname} ${rollout_id}`);
}

describe("list", () => {
  test("prints an aligned table, in the order of host and rollout", async () => {
    const { code, stdout, stderr } = await list();
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^HOST +ROLLOUT +STATE +ATTEMPT +ENQUEUED +SINCE +CLOSURE$/);
    expect(lines.slice(1).map((line) => line.split(/ +/).slice(0, 4))).toEqual([
      ["db-01", "stable@a1", "pending", "0/10"],
      ["web-01", "edge@b2", "pending", "0/10"],
      ["web-01", "stable@a1", "pending", "0/10"],
      ["web-02", "stable@a1", "rejected", "1/10"],
    ]);
    expect(new Set(lines.map((line) => line.search(/CLOSURE|\/nix/)))).toEqual(new Set([lines[0]?.indexOf("CLOSURE")]));
    expect(stdout).toMatch(/ (now|\d+ s ago) /);
    expect(stdout).not.toContain("\u001b");
  });

  test("with --json prints the fields of the documentation, exact, with what is not set as null", async () => {
    const [dispatch] = jsonLines((await list("--host", "web-02", "--json")).stdout);
    expect(Object.keys(dispatch)).toEqual(documentedFields("list"));
    expect(dispatch).toMatchObject({
      target_closure: closure,
      state: "rejected",
      reason: "disk full",
      not_before: null,
    });
    expect(dispatch.soak_due_at).toBe("2026-05-16T01:30:00Z");
    expect(dispatch.enqueued_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("narrows down by host, prefix, rollout, channel, state and time, alone and together", async () => {
    expect(await pairs("--host", "web-01")).toEqual(["web-01 edge@b2", "web-01 stable@a1"]);
    expect(await pairs("--host-prefix", "web", "--channel", "stable")).toEqual([
      "web-01 stable@a1",
      "web-02 stable@a1",
    ]);
    expect(await pairs("--rollout", "edge@b2")).toEqual(["web-01 edge@b2"]);
    expect(await pairs("--state", "rejected", "leased")).toEqual(["web-02 stable@a1"]);
    expect(await pairs("--enqueued-after", "1h", "--state", "pending", "--host", "db-01")).toEqual(["db-01 stable@a1"]);
    expect(await pairs("--enqueued-before", "1h")).toEqual([]);
    expect(await pairs("--enqueued-before", "2100-01-01T00:00:00Z", "--host", "db-01")).toEqual(["db-01 stable@a1"]);
  });

  test("says when there is nothing, and when there is more", async () => {
    expect(await list("--host", "nobody")).toEqual({ code: 0, stdout: "", stderr: "no dispatch was found\n" });
    const { stdout, stderr } = await list("--limit", "3", "--json");
    expect([jsonLines(stdout).length, stderr]).toEqual([3, "there are more than these 3\n"]);
    expect((await list("--limit", "4")).stderr).toBe("");
  });

  test("on a terminal no line is longer than it is wide; the closure gives way", async () => {
    for (const columns of [90, 120]) {
      const { stdout } = await served.run(listCommand, [], { NO_COLOR: "1" }, { columns });
      const lines = stdout.trimEnd().split("\n");
      expect(lines.length).toBe(5);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(lines[1]).toMatch(/…\S*web-01-26\.05$|4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-\S+26\.05$/);
    }
    const coloured = await served.run(listCommand, [], {}, { columns: 120 });
    expect(coloured.stdout).toContain("\u001b[31mrejected\u001b[39m");
    expect((await served.run(listCommand, [], { TERM: "dumb" }, { columns: 120 })).stdout).not.toContain("\u001b");
  });

  test("colours states where that is wanted, and never with NO_COLOR", async () => {
    expect((await served.run(listCommand, [], { FORCE_COLOR: "1" })).stdout).toContain("\u001b[31mrejected\u001b[39m");
    expect((await served.run(listCommand, [], { FORCE_COLOR: "1", NO_COLOR: "1" })).stdout).not.toContain("\u001b");
  });

  test.each([
    [["--host", "Web_01"], /^error: --host: must be/],
    [["--channel", "A"], /^error: --channel: must be of/],
    [["--enqueued-after", "yesterday"], /^error: --enqueued-after: must be an instant/],
    [["--limit", "0"], /^error: --limit: must be a whole number/],
    [["--host", "a", "--host-prefix", "a"], /cannot be used with/],
    [["--state", "gone"], /gone/],
  ])("%j is a mistake: exit code 2 where it is ours to find", async (args, message) => {
    const { code, stderr, stdout } = await list(...args);
    expect([stdout, stderr]).toEqual(["", expect.stringMatching(message)]);
    expect(code).not.toBe(0);
  });
});
