import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { enqueueCommand } from "../../src/cli/enqueue.js";
import { explainCommand } from "../../src/cli/explain.js";
import { closure, Served, tokenOf } from "./history/served.js";

let served: Served;
beforeEach(async () => {
  served = await Served.start();
});
afterEach(() => served.close());

const explain = (...args: string[]) => served.run(explainCommand, args);

async function reasonOf(...args: string[]): Promise<string> {
  const { stdout } = await explain(...args, "--json");
  return JSON.parse(stdout).reason;
}

async function enqueue(rollout: string, ...flags: string[]): Promise<void> {
  const one = ["--host", "web-01", "--rollout", rollout, "--closure", closure, "--soak", "5m"];
  const { code, stderr } = await served.run(enqueueCommand, [...one, ...flags]);
  if (code !== 0) throw new Error(stderr);
}

describe("explain of a host and a rollout", () => {
  test("follows a dispatch through its life", async () => {
    expect(await reasonOf("web-01", "stable@a1")).toBe("never_enqueued");
    await enqueue("stable@a1", "--not-before", "+1h");
    expect(await reasonOf("web-01", "stable@a1")).toBe("not_before");
    await enqueue("stable@a1");
    expect(await reasonOf("web-01", "stable@a1")).toBe("never_polled");
    const agent = await served.agent("web-01");
    const lease_token = tokenOf(await agent.take("wait=0&lease_seconds=60"));
    expect(await reasonOf("web-01", "stable@a1")).toBe("leased");
    await enqueue("stable@b2");
    expect(await reasonOf("web-01", "stable@b2")).toBe("between_polls");
    await agent.post("reject", { rollout_id: "stable@a1", lease_token, reason: "no space" });
    expect((await explain("web-01", "stable@a1")).stdout).toMatch(
      /^web-01 has got stable@a1, but rejected it at \S+ \S+ \(.*\): no space\.\n/,
    );
    await agent.take("wait=0");
    expect(await reasonOf("web-01", "stable@b2")).toBe("delivered_unproven");
    await agent.post("ack", { rollout_id: "stable@b2" });
    expect(await reasonOf("web-01", "stable@b2")).toBe("acknowledged");
  });

  test("knows a superseded one and an expired one", async () => {
    await enqueue("stable@a1");
    await enqueue("stable@b2", "--supersede");
    expect((await explain("web-01", "stable@a1")).stdout).toMatch(
      /^web-01 has not got stable@a1 because stable@b2 took its place at .*\.\n/,
    );
    await enqueue("stable@c3", "--not-after", "+0s");
    expect(await reasonOf("web-01", "stable@c3")).toBe("expired");
  });

  test("knows an attempt that was the last", async () => {
    await enqueue("stable@a1", "--max-attempts", "1");
    await (await served.agent("web-01")).take("wait=0&lease_seconds=1");
    expect(await reasonOf("web-01", "stable@a1")).toMatch(/^(leased|lease_ran_out)$/);
    for (;;) if ((await reasonOf("web-01", "stable@a1")) === "dead") break;
    expect((await explain("web-01", "stable@a1")).stdout).toMatch(
      /^stable@a1 was given up for web-01 at .*, after its only attempt: the lease ran out\.\n/,
    );
  });

  test("knows of a poll that is parked, also where nothing was enqueued", async () => {
    const agent = await served.agent("web-01");
    const polled = agent.take("wait=60").catch(() => undefined);
    for (;;) {
      const { host, sentence } = JSON.parse((await explain("web-01", "stable@a1", "--json")).stdout);
      if (host.parked_polls === 0) continue;
      expect(host).toMatchObject({ parked_polls: 1, last_seen_at: expect.stringMatching(/Z$/) });
      expect(sentence).toMatch(/under this rollout; it last polled at .*\.$/);
      break;
    }
    agent.hangUp();
    await polled;
  });
});

describe("explain of a host", () => {
  test("says that there is nothing, exit code 0", async () => {
    expect(await explain("web-01")).toEqual({
      code: 0,
      stderr: "",
      stdout:
        "web-01 has nothing to get because nothing was enqueued for it; it has never polled.\n\n" +
        "  web-01 has never polled, or not for longer than history is kept\n\n" +
        "hint: Check how it is spelt. What is done for longer than the server keeps it is forgotten, too.\n",
    });
  });

  test("explains its newest dispatch that is not done, and lists the others", async () => {
    await enqueue("stable@a1");
    await (await served.agent("web-01")).take("wait=0");
    await enqueue("stable@b2");
    await enqueue("stable@c3", "--not-after", "+0s");
    await (await served.agent("web-01")).take("wait=0&lease_seconds=60"); // b2, and c3 expires.
    const { code, stdout } = await explain("web-01", "--utc");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^stable@b2 is leased to web-01 at 127\.0\.0\.1 over http until \S+ \S+Z \(in .*\), which /);
    const table = stdout.slice(stdout.indexOf("Its other dispatches, the newest first:")).trimEnd().split("\n");
    expect(table.slice(1).map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ["ROLLOUT", "STATE"],
      ["stable@c3", "expired"],
      ["stable@a1", "delivered"],
    ]);
  });

  test("explains its newest at all where everything is done", async () => {
    await enqueue("stable@a1", "--not-after", "+0s");
    await enqueue("stable@b2", "--not-after", "+0s");
    await (await served.agent("web-01")).take("wait=0");
    expect((await explain("web-01")).stdout).toMatch(/^web-01 has not got stable@b2 because its not_after, /);
  });

  test("prints one JSON object whose names scripts can rely on", async () => {
    await enqueue("stable@a1");
    await enqueue("edge@b2");
    const { stdout } = await explain("web-01", "stable@a1", "--json");
    const parsed = JSON.parse(stdout);
    expect(Object.keys(parsed)).toEqual([
      ...["sentence", "reason", "hint", "evidence", "hostname", "rollout_id", "dispatch", "host", "others"],
    ]);
    expect(parsed).toMatchObject({
      sentence: expect.stringMatching(
        /^stable@a1 has been waiting for web-01 since \S+T\S+Z \(.*\), and web-01 has never polled\.$/,
      ),
      reason: "never_polled",
      hint: expect.any(String),
      evidence: [expect.stringContaining("enqueued by operator-alice at 127.0.0.1 over connect"), expect.any(String)],
      hostname: "web-01",
      rollout_id: "stable@a1",
      dispatch: { state: "pending" },
      host: { last_seen_at: null },
      others: [{ rollout_id: "edge@b2", state: "pending" }],
    });
    expect(JSON.parse((await explain("web-02", "--json")).stdout)).toMatchObject({
      ...{ reason: "never_enqueued", rollout_id: null, dispatch: null, others: [] },
    });
  });
});

describe("explain in vain", () => {
  test.each([
    [["Web"], /^error: HOST: must be RFC 1123/],
    [["web-01", "stable"], /^error: ROLLOUT: must be <channel>@<ref>/],
  ])("%j is no name, exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await explain(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("SIGINT ends it while the server says nothing, exit code 130", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    const accepted = once(silent, "connection");
    await once(silent, "listening");
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const run = served.start(explainCommand, ["web-01", "--server", `https://127.0.0.1:${address.port}`]);
    const [socket] = await accepted;
    run.send("SIGINT");
    expect(await run.ended).toBe(130);
    expect(run.stderr.text).toBe("error: stopped by SIGINT\n");
    socket.destroy();
    silent.close();
  });

  test("a server that is not there: exit code 5", async () => {
    const { code, stderr } = await explain("web-01", "--server", "https://127.0.0.1:1");
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: .*ECONNREFUSED/);
  });
});
