import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { watchCommand } from "../../src/cli/watch.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { Served } from "./history/served.js";
import type { Run } from "./run-alone.js";

let served: Served;
beforeEach(async () => {
  served = await Served.start();
});
afterEach(() => served.close());

const watch = (...args: string[]) => served.start(watchCommand, args);

async function stop(run: Run) {
  run.send("SIGINT");
  return run.ended;
}

describe("watch", () => {
  test("prints a line for each event as it happens, under each other", async () => {
    const run = watch("--from-start", "--utc");
    await served.enqueue("web-01", "stable@a1");
    await run.stdout.match(/enqueued/);
    const agent = await served.agent("web-01");
    await agent.take("wait=0&lease_seconds=60");
    await run.stdout.match(/leased/);
    const [first = "", second = ""] = run.stdout.text.split("\n");
    expect(first).toMatch(/^1 {2}\d{4}-\d\d-\d\d [\d:.]+Z {2}web-01 {2}stable@a1 {2}enqueued {7}by server$/);
    expect(second).toMatch(
      /^2 {2}.*Z {2}web-01 {2}stable@a1 {2}leased {9}attempt 1, by web-01 at 127\.0\.0\.1 over http$/,
    );
    expect(await stop(run)).toBe(130);
  });

  test("with --json prints NDJSON, with the fields of the documentation", async () => {
    const run = watch("--from-start", "--json");
    await served.enqueue("web-01", "stable@a1", "stable@b2");
    await run.stdout.match(/b2.*\n/);
    const events = jsonLines(run.stdout.text);
    expect(events.map(Object.keys)).toEqual([documentedFields("watch"), documentedFields("watch")]);
    expect(events[0]).toMatchObject({
      id: 1,
      hostname: "web-01",
      rollout_id: "stable@a1",
      kind: "enqueued",
      attempt: 0,
      parked_ms: null,
    });
    expect(await stop(run)).toBe(130);
  });

  test("begins behind an event, and keeps to a host and a rollout", async () => {
    await served.enqueue("web-01", "stable@a1", "stable@b2");
    await served.enqueue("web-02", "stable@a1", "stable@b2");
    const idsOf = async (...args: string[]) => {
      const run = watch(...args, "--json");
      await run.stdout.match(/"id":4.*\n/);
      expect(await stop(run)).toBe(130);
      return jsonLines(run.stdout.text).map(({ id }) => id);
    };
    expect(await idsOf("--after", "2")).toEqual([3, 4]);
    expect(await idsOf("--from-start", "--host", "web-02")).toEqual([3, 4]);
    expect(await idsOf("--from-start", "--rollout", "stable@b2")).toEqual([2, 4]);
  });

  test.each([
    [["--after", "x"], /^error: --after: must be the number of an event/],
    [["--host", "Web"], /^error: --host: must/],
  ])("%j is a mistake: exit code 2", async (args, message) => {
    const run = watch(...args);
    expect([await run.ended, run.stderr.text]).toEqual([2, expect.stringMatching(message)]);
  });

  test("that never got through does not try for ever: exit code 5", async () => {
    const away = await Served.start();
    await away.close();
    const run = served.start(watchCommand, ["--server", away.url]);
    expect([await run.ended, run.stdout.text]).toEqual([5, ""]);
  });
});
