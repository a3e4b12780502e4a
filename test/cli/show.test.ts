import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { explainCommand } from "../../src/cli/explain.js";
import { showCommand } from "../../src/cli/show.js";
import { closure, Served, tokenOf } from "./history/served.js";
import { runCommand } from "./recording-io.js";

let served: Served;
beforeEach(async () => {
  served = await Served.start({ delivery: "confirmed", confirmWithinMs: 600_000 });
});
afterEach(() => served.close());

const show = async (rollout = "stable@a1b2", ...flags: string[]) =>
  served.run(showCommand, ["web-01", rollout, ...flags]);

/** The kinds of its events once they are there: that an answer was flushed is written a little later. */
async function untilEvent(kind: string, rollout = "stable@a1b2") {
  for (;;) {
    const shown = JSON.parse((await show(rollout, "--json")).stdout);
    const kinds: string[] = shown.events.map((event: { kind: string }) => event.kind);
    if (kinds.includes(kind)) return { shown, kinds };
  }
}

/** Waits until a poll is parked, by what operators see of it. */
async function untilParked(): Promise<void> {
  for (;;) {
    const { stdout } = await served.run(explainCommand, ["web-01", "stable@a1b2", "--json"]);
    if (JSON.parse(stdout).host.parked_polls > 0) return;
  }
}

const events = (stdout: string) => stdout.slice(stdout.indexOf("TIME ")).trimEnd().split("\n").slice(1);
/** What stands behind time and distance. */
const words = (line: string) => line.replace(/^\S+ \S+ +(\+\S+ m?s)? */, "");

describe("show", () => {
  test("tells the life of a dispatch that a parked poll took under a lease, to its acknowledgement", async () => {
    const agent = await served.agent("web-01");
    const polled = agent.take("wait=60&lease_seconds=60");
    await untilParked();
    await served.enqueue("web-01", "stable@a1b2");
    const lease_token = tokenOf(await polled);
    await agent.post("extend", { rollout_id: "stable@a1b2", lease_token, lease_seconds: 90 });
    await agent.post("ack", { rollout_id: "stable@a1b2", lease_token });
    const { kinds } = await untilEvent("flushed");
    expect(kinds).toEqual(["enqueued", "leased", "flushed", "extended", "acknowledged"]);
    const { code, stdout, stderr } = await show();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^web-01 {2}stable@a1b2 {2}acknowledged\n\n/);
    expect(stdout).toContain(`\n  closure       ${closure}\n`);
    expect(stdout).toContain("\n  attempts      1 of 10\n");
    expect(stdout).toMatch(/\n {2}host {10}web-01 last polled at \S+ \S+ \(.*\) from 127\.0\.0\.1 over http\n/);
    expect(events(stdout).map(words)).toEqual([
      "enqueued by server",
      expect.stringMatching(
        /^handed out to web-01 at 127\.0\.0\.1 over http, attempt 1 of 10, under a lease; its poll had been parked for \S+ m?s$/,
      ),
      "the answer has left the server whole, which proves no receipt",
      "lease extended by web-01 at 127.0.0.1 over http",
      "acknowledged by web-01 at 127.0.0.1 over http",
    ]);
  });

  test("tells how receipt was proven, and only what was", async () => {
    await served.enqueue("web-01", "stable@a1b2");
    const agent = await served.agent("web-01");
    await agent.take("wait=0");
    await untilEvent("flushed");
    const before = await show();
    expect(before.stdout).toMatch(/^web-01 {2}stable@a1b2 {2}leased\n/);
    expect(before.stdout).toMatch(
      /attempt 1 of 10, until receipt is proven, at the latest until .*; its poll found it at once\n/,
    );
    expect(before.stdout).not.toContain("proven by");
    await agent.take("wait=0");
    await untilEvent("confirmed");
    const after = await show();
    expect(after.stdout).toMatch(/^web-01 {2}stable@a1b2 {2}delivered\n/);
    expect(events(after.stdout).map(words).at(-1)).toBe("receipt proven by the next request on the connection");
  });

  test("tells a rejection with the agent's words, which cannot move the cursor", async () => {
    await served.enqueue("web-01", "stable@a1b2");
    const agent = await served.agent("web-01");
    const lease_token = tokenOf(await agent.take("wait=0&lease_seconds=60"));
    await agent.post("reject", { rollout_id: "stable@a1b2", lease_token, reason: "disk\u001b[2J\nfull" });
    const { stdout } = await show();
    expect(stdout).toMatch(/\n {2}reason {8}disk full\n/);
    expect(stdout).toContain("rejected by web-01 at 127.0.0.1 over http: disk full\n");
  });

  test("shows of a history that never ends the latest part, and what repeats itself once", async () => {
    await served.enqueue("web-01", ...Array.from({ length: 1_001 }, () => "stable@a1b2"));
    const { stdout } = await show();
    expect(stdout).toContain("\n  Only the latest 1000 events:\nTIME ");
    expect(events(stdout).map(words)).toEqual([
      "enqueued again by server, over what was there (and 998 more times until the last one)",
      "enqueued again by server, over what was there",
    ]);
    const json = JSON.parse((await show("stable@a1b2", "--json")).stdout);
    expect([json.events.length, json.events_complete]).toEqual([1_000, false]);
  });

  test("shows times in UTC when asked to, and colours where they are wanted", async () => {
    await served.enqueue("web-01", "stable@a1b2");
    const { stdout } = await show("stable@a1b2", "--utc");
    expect(events(stdout)).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z {9}enqueued by server$/),
    ]);
    const args = ["web-01", "stable@a1b2", "--utc"];
    const coloured = (await served.run(showCommand, args, { FORCE_COLOR: "1" })).stdout;
    expect(coloured).toContain("\u001b[36mpending\u001b[39m");
    expect(stripVTControlCharacters(coloured).slice(0, 300)).toBe(stdout.slice(0, 300));
    expect(stdout).not.toContain("\u001b");
  });

  test("prints one JSON object whose names scripts can rely on", async () => {
    await served.enqueue("web-01", "stable@a1b2");
    await (await served.agent("web-01")).take("wait=0&lease_seconds=60");
    const { shown } = await untilEvent("flushed");
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}(\d{3})?)?Z$/);
    const by = { actor: "web-01", address: "127.0.0.1", wire: "http" };
    const id = expect.any(Number);
    expect(shown).toEqual({
      dispatch: {
        hostname: "web-01",
        rollout_id: "stable@a1b2",
        target_closure: closure,
        soak_due_at: "2026-05-16T01:30:00Z",
        enqueued_at: instant,
        state: "leased",
        attempt: 1,
        max_attempts: 10,
        not_before: null,
        not_after: null,
        lease_expires_at: instant,
        reason: null,
        changed_at: instant,
      },
      events: [
        {
          ...{ id, at: instant, since_previous_ms: null, kind: "enqueued", attempt: 0, actor: "server" },
          ...{ address: null, wire: null, detail: "", parked_ms: null },
        },
        { id, at: instant, since_previous_ms: id, kind: "leased", attempt: 1, ...by, detail: "", parked_ms: null },
        { id, at: instant, since_previous_ms: id, kind: "flushed", attempt: 1, ...by, detail: "", parked_ms: null },
      ],
      events_complete: true,
      host: {
        hostname: "web-01",
        last_seen_at: instant,
        address: "127.0.0.1",
        wire: "http",
        agent_version: null,
        certificate_not_after: instant,
        parked_polls: 0,
        parked_since: null,
        parked_at: [],
        revoked_before: null,
      },
    });
  });
});

test.each([["show"], ["explain"], ["enqueue"]])("the help of %s has examples and exit codes", async (command) => {
  const { code, stdout } = await runCommand([command, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nExamples:\n {2}# .+\n {2}nixfleet-dispatch /);
  expect(stdout).toMatch(/\nExit codes:\n {2}0 +done\n/);
});

describe("show of what is not there", () => {
  test("ends with exit code 3, and says so", async () => {
    expect(await show("stable@dead")).toEqual({
      code: 3,
      stdout: "",
      stderr: "error: no dispatch stable@dead is known for web-01\n",
    });
  });

  test.each([
    [["Web", "stable@a1"], /^error: HOST: must be RFC 1123/],
    [["web-01", "stable"], /^error: ROLLOUT: must be <channel>@<ref>/],
  ])("%j is no name, exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await served.run(showCommand, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("is a mistake without a rollout, exit code 2 and an example", async () => {
    expect(await runCommand(["show", "web-01"])).toEqual({
      ...{ code: 2, stdout: "" },
      stderr:
        "error: missing required argument 'ROLLOUT'\n" +
        "hint: For example: nixfleet-dispatch show web-01 stable@a1b2c3d4\n",
    });
  });

  test("is refused to an agent, exit code 4", async () => {
    const { code, stderr } = await show("stable@a1b2", "--cert", "ag.crt", "--key", "ag.key");
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: .*operators/);
  });
});
