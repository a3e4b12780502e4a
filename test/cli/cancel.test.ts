import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cancelCommand } from "../../src/cli/cancel.js";
import { listCommand } from "../../src/cli/list.js";
import { showCommand } from "../../src/cli/show.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { Served } from "./history/served.js";

let served: Served;
beforeEach(async () => {
  served = await Served.start();
  await served.enqueue("web-01", "stable@a1", "stable@b2");
  await served.enqueue("web-02", "stable@a1");
});
afterEach(() => served.close());

const cancel = (...args: string[]) => served.run(cancelCommand, args);

/** Somebody at a terminal, who answers once asked. */
async function answering(answer: string, ...args: string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const run = served.start(cancelCommand, args, { NO_COLOR: "1" }, { stdin, isTTY: true });
  await run.stderr.match(/\[y\/N\] /);
  stdin.end(answer);
  return { code: await run.ended, stdout: run.stdout.text, stderr: run.stderr.text };
}

async function statesOf(host: string): Promise<string[]> {
  const { stdout } = await served.run(listCommand, ["--host", host, "--json"]);
  return jsonLines(stdout).map(({ rollout_id, state }) => `${rollout_id} ${state}`);
}

describe("cancel on a terminal", () => {
  test("shows what it would do, asks, and does it after a yes", async () => {
    const { code, stdout, stderr } = await answering("y\n", "--rollout", "stable@a1", "--reason", "does not boot");
    expect(code).toBe(0);
    expect(stderr).toContain("would be cancelled  web-01  stable@a1");
    expect(stderr).toContain("Cancel 2 dispatches? [y/N] ");
    expect(stdout).toBe("cancelled  web-01  stable@a1\ncancelled  web-02  stable@a1\n2 dispatches cancelled\n");
    expect(await statesOf("web-01")).toEqual(["stable@a1 cancelled", "stable@b2 pending"]);
    const { stdout: shown } = await served.run(showCommand, ["web-02", "stable@a1"]);
    expect(shown).toContain("cancelled by operator-alice at 127.0.0.1 over connect: does not boot\n");
  });

  test.each(["n\n", "\n", "", "yess\n"])("does nothing after %j", async (answer) => {
    const { code, stdout, stderr } = await answering(answer, "--host", "web-01");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("error: not confirmed: nothing was cancelled\n");
    expect(await statesOf("web-01")).toEqual(["stable@a1 pending", "stable@b2 pending"]);
  });

  test("ends with 130 when it is interrupted while it asks, and does nothing", async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const run = served.start(cancelCommand, ["--host", "web-01"], {}, { stdin, isTTY: true });
    await run.stderr.match(/\[y\/N\] /);
    run.send("SIGINT");
    expect(await run.ended).toBe(130);
    expect(await statesOf("web-01")).toEqual(["stable@a1 pending", "stable@b2 pending"]);
  });
});

describe("cancel in a script", () => {
  test("needs --yes: without it nothing is even asked of the server", async () => {
    const { code, stdout, stderr } = await cancel("--host", "web-01");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^error: --yes is missing.*\nhint: Add --yes/);
  });

  test("--dry-run tells, changes nothing, and ends as cancelling would", async () => {
    const { code, stdout } = await cancel("--host", "web-01", "--dry-run", "--json");
    expect([code, jsonLines(stdout)]).toEqual([
      0,
      ["stable@a1", "stable@b2"].map((rollout_id) => ({
        hostname: "web-01",
        rollout_id,
        outcome: "cancelled",
        state: "pending",
        dry_run: true,
      })),
    ]);
    expect(await statesOf("web-01")).toEqual(["stable@a1 pending", "stable@b2 pending"]);
  });

  test("--json has the fields of the documentation", async () => {
    const [result] = jsonLines((await cancel("--host", "web-02", "--yes", "--json")).stdout);
    expect(Object.keys(result)).toEqual(documentedFields("cancel"));
    expect(result).toMatchObject({ outcome: "cancelled", state: "cancelled", dry_run: false });
  });

  test("of one host and one rollout", async () => {
    expect((await cancel("--host", "web-01", "--rollout", "stable@b2", "--yes")).stdout).toBe(
      "cancelled  web-01  stable@b2\n",
    );
    expect(await statesOf("web-01")).toEqual(["stable@a1 pending", "stable@b2 cancelled"]);
  });
});

describe("what cannot be cancelled", () => {
  test("what was handed out is too late: said, and exit code 1 if that is all of it", async () => {
    await (await served.agent("web-01")).take("wait=0");
    const both = await cancel("--host", "web-01", "--yes");
    expect([both.code, both.stdout]).toEqual([
      0,
      "too late   web-01  stable@a1  delivered\ncancelled  web-01  stable@b2\n1 dispatch cancelled, 1 too late (1 delivered)\n",
    ]);
    const one = await cancel("--host", "web-01", "--rollout", "stable@a1", "--yes");
    expect([one.code, one.stderr]).toEqual([1, "error: too late: 1 delivered, and nothing else is left to cancel\n"]);
  });

  test("what is cancelled already is no error; what never was is: exit code 3", async () => {
    await cancel("--host", "web-02", "--yes");
    expect(await cancel("--host", "web-02", "--yes")).toMatchObject({
      code: 0,
      stderr: "nothing is left to cancel: 1 cancelled\n",
    });
    const { code, stderr } = await cancel("--host", "web-09", "--yes");
    expect([code, stderr]).toEqual([3, "error: there is no such dispatch\n"]);
  });

  test.each([
    [[], /^error: --host or --rollout is missing\n/],
    [["--rollout", "stable"], /^error: --rollout: must/],
    [["--host", "web-01", "--reason", "x".repeat(1_025)], /^error: --reason: must have at most 1024 bytes/],
  ])("%j is a mistake: exit code 2", async (args, message) => {
    const { code, stderr } = await cancel(...args, "--yes");
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
