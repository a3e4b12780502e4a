import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type EnqueueDispatchesRequest,
  EnqueueOutcome,
  QueueService,
} from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { plainDispatches } from "../../src/agent/index.js";
import type { RunningServer } from "../../src/app.js";
import { enqueueCommand } from "../../src/cli/enqueue.js";
import { showCommand } from "../../src/cli/show.js";
import { createTestPki, type TestPki } from "../agent/certificates.js";
import { startRealServer } from "../agent/real-server.js";
import { type RunOptions, start } from "./run-alone.js";

let pki: TestPki;
let folder: string;

beforeAll(async () => {
  pki = await createTestPki();
  folder = await mkdtemp(join(tmpdir(), "enqueue-command-"));
  const [alice, web01] = [await pki.operator("alice"), await pki.agent("web-01")];
  const files = {
    "ca.crt": pki.ca,
    "op.crt": alice.cert,
    "op.key": alice.key,
    "ag.crt": web01.cert,
    "ag.key": web01.key,
  };
  for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
});
afterAll(() => rm(folder, { recursive: true }));

const closure = "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05";
const one = ["--host", "web-01", "--rollout", "stable@a1b2c3d4", "--closure", closure];
const connection = (port: number) => [
  ...["--server", `https://127.0.0.1:${port}`],
  ...["--ca", "ca.crt", "--cert", "op.crt", "--key", "op.key"],
];

async function enqueue(port: number, args: readonly string[], options: RunOptions = {}) {
  const run = start(enqueueCommand, [...connection(port), ...args], { cwd: folder, ...options });
  return { code: await run.ended, stdout: run.stdout.text, stderr: run.stderr.text };
}

function line(i: number, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    hostname: `web-${i}`,
    rollout_id: "stable@a1b2c3d4",
    target_closure: closure,
    soak_due_at: "2026-05-16T01:30:00.123456Z",
    ...change,
  });
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => line(i + 1));

describe("enqueue with the project's server", () => {
  let server: RunningServer;
  beforeEach(async () => {
    server = await startRealServer(pki, join(await mkdtemp(join(folder, "db-")), "dispatch.db"));
  });
  afterEach(() => server.close());

  async function firstDispatchOf(id: string) {
    const pair = await pki.agent(id);
    const options = { server: `https://127.0.0.1:${server.port}`, ca: pki.ca, ...pair, hostname: id, waitSeconds: 0 };
    for await (const dispatch of plainDispatches(options)) return dispatch;
    return undefined;
  }

  async function takeUnderLease(id: string): Promise<void> {
    const { cert, key } = await pki.agent(id);
    const options = { host: "127.0.0.1", port: server.port, ca: pki.ca, cert, key, agent: false };
    const [response] = await once(get({ ...options, path: "/v1/agent/dispatch?wait=0&lease_seconds=60" }), "response");
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    response.resume();
    await once(response, "end");
  }

  async function recordOf(hostname: string) {
    const args = [...connection(server.port), hostname, "stable@a1b2c3d4", "--json"];
    const run = start(showCommand, args, { cwd: folder });
    await run.ended;
    return JSON.parse(run.stdout.text);
  }

  test("enqueues one dispatch, and says when it replaces one", async () => {
    const args = [...one, "--soak-due-at", "2026-05-16T03:30:00.123456+02:00"];
    expect(await enqueue(server.port, args)).toEqual({
      code: 0,
      stdout: "created  web-01  stable@a1b2c3d4\n",
      stderr: "",
    });
    expect((await enqueue(server.port, args)).stdout).toBe("replaced  web-01  stable@a1b2c3d4\n");
    expect(await firstDispatchOf("web-01")).toMatchObject({
      rolloutId: "stable@a1b2c3d4",
      targetClosure: closure,
      soakDueAt: "2026-05-16T01:30:00.123456Z",
    });
  });

  test("counts --soak from now", async () => {
    const before = Date.now();
    await enqueue(server.port, [...one, "--soak", "5m"]);
    const after = Date.now();
    const soakDueAt = Date.parse((await firstDispatchOf("web-01"))?.soakDueAt ?? "");
    expect(soakDueAt).toBeGreaterThanOrEqual(before + 300_000);
    expect(soakDueAt).toBeLessThanOrEqual(after + 300_000);
  });

  test("prints one JSON object for each dispatch with --json", async () => {
    await writeFile(join(folder, "two.jsonl"), `${line(1)}\n\n${line(2, { soak_due_at: undefined, soak: "90s" })}`);
    const { code, stdout } = await enqueue(server.port, ["--json", "--file", "two.jsonl"]);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((text) => JSON.parse(text)),
    ).toEqual([
      {
        hostname: "web-1",
        rollout_id: "stable@a1b2c3d4",
        outcome: "created",
        superseded: 0,
        enqueued_at: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      expect.objectContaining({ hostname: "web-2", outcome: "created" }),
    ]);
  });

  test("keeps a lease on the same closure going, and says so", async () => {
    const args = [...one, "--soak", "5m"];
    await enqueue(server.port, args);
    await takeUnderLease("web-01");
    expect((await enqueue(server.port, args)).stdout).toBe(
      "kept  web-01  stable@a1b2c3d4  its lease goes on; only the soak changed\n",
    );
    await writeFile(join(folder, "kept.jsonl"), [line(1), line(1, { hostname: "web-01" })].join("\n"));
    expect((await enqueue(server.port, ["--file", "kept.jsonl"])).stdout).toBe(
      "2 dispatches enqueued: 1 created, 0 replaced, 1 kept\n",
    );
    expect((await enqueue(server.port, [...args, "--closure", `${closure}-b`])).stdout).toMatch(/^replaced {2}web-01/);
  });

  test("supersedes what still waits of the same channel, when asked to, and counts it", async () => {
    const rollout = (id: string, ...flags: string[]) =>
      enqueue(server.port, [...one, "--rollout", id, "--soak", "5m", ...flags]);
    await rollout("stable@a1");
    await rollout("stable@a2");
    await rollout("edge@a3");
    expect((await rollout("stable@b1")).stdout).toBe("created  web-01  stable@b1\n");
    expect((await rollout("stable@b2", "--supersede")).stdout).toBe("created  web-01  stable@b2  3 older superseded\n");
    expect(JSON.parse((await rollout("stable@b3", "--supersede", "--json")).stdout)).toMatchObject({ superseded: 1 });
    const file = line(1, { hostname: "web-01", rollout_id: "stable@b4" });
    await writeFile(join(folder, "supersede.jsonl"), file);
    expect((await enqueue(server.port, ["--file", "supersede.jsonl", "--supersede"])).stdout).toBe(
      "1 dispatch enqueued: 1 created, 0 replaced, 1 older superseded\n",
    );
    expect((await firstDispatchOf("web-01"))?.rolloutId).toBe("edge@a3");
  });

  test("hands out nothing before --not-before and nothing after --not-after, and no more often than --max-attempts", async () => {
    const flags = ["--soak", "5m", "--not-after", "2099-01-01T00:00:00.123456+02:00", "--max-attempts", "3"];
    await enqueue(server.port, [...one, ...flags, "--not-before", "+1h"]);
    const before = Date.now();
    const { dispatch } = await recordOf("web-01");
    expect(dispatch).toMatchObject({ not_after: "2098-12-31T22:00:00.123456Z", max_attempts: 3 });
    expect(Math.abs(Date.parse(dispatch.not_before) - before - 3_600_000)).toBeLessThan(60_000);
    const text = line(2, { not_before: "2026-01-01T00:00:00Z", not_after: "+1d", max_attempts: 1_000 });
    await writeFile(join(folder, "window.jsonl"), text);
    await enqueue(server.port, ["--file", "window.jsonl"]);
    expect((await recordOf("web-2")).dispatch).toMatchObject({
      not_before: "2026-01-01T00:00:00Z",
      max_attempts: 1_000,
    });
    // Where nobody says anything, the server does.
    await enqueue(server.port, [...one, "--soak", "5m"]);
    expect((await recordOf("web-01")).dispatch).toMatchObject({ not_before: null, not_after: null, max_attempts: 10 });
  });

  test("enqueues the example of a fleet, from stdin too, and again", async () => {
    const file = join(import.meta.dirname, "../../examples/fleet.jsonl");
    expect(await enqueue(server.port, ["--file", file])).toEqual({
      code: 0,
      stdout: "500 dispatches enqueued: 500 created, 0 replaced\n",
      stderr: "",
    });
    const stdin = Readable.from(lines(3).join("\n"));
    expect((await enqueue(server.port, ["--file", "-", "--batch", "2"], { stdin })).stdout).toBe(
      "3 dispatches enqueued: 3 created, 0 replaced\n",
    );
    expect((await enqueue(server.port, ["--file", file, "--batch", "10000"])).stdout).toBe(
      "500 dispatches enqueued: 0 created, 500 replaced\n",
    );
  });

  test("an empty file enqueues nothing", async () => {
    await writeFile(join(folder, "empty.jsonl"), "\n");
    expect((await enqueue(server.port, ["--file", "empty.jsonl"])).stdout).toBe(
      "0 dispatches enqueued: 0 created, 0 replaced\n",
    );
  });

  test("an agent's certificate is denied, exit code 4", async () => {
    const { code, stderr } = await enqueue(server.port, [
      ...one,
      "--soak",
      "5m",
      "--cert",
      "ag.crt",
      "--key",
      "ag.key",
    ]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).not.toContain("repeat");
  });

  test("a bad line is named by its number and field, and nothing of its batch is enqueued", async () => {
    const text = [...lines(2), "", line(3), line(4, { hostname: "Web_4" }), line(5)].join("\n");
    await writeFile(join(folder, "bad.jsonl"), text);
    const first = await enqueue(server.port, ["--file", "bad.jsonl"]);
    expect(first).toMatchObject({ code: 2, stdout: "" });
    expect(first.stderr).toMatch(/^error: line 5: hostname: must be RFC 1123 .*\nhint: Nothing was enqueued\.\n$/);
    const second = await enqueue(server.port, ["--file", "bad.jsonl", "--batch", "2"]);
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toMatch(
      /^error: line 5: hostname: must be .* \(up to line 2, 2 dispatches enqueued: 2 created, 0 replaced; nothing after that\)\n$/,
    );
  });

  test("shows its progress on a terminal and leaves nothing of it", async () => {
    await writeFile(join(folder, "three.jsonl"), lines(3).join("\n"));
    const { stderr, stdout } = await enqueue(server.port, ["--file", "three.jsonl", "--batch", "1"], { isTTY: true });
    expect(stderr).toContain(" 66 %  2 dispatches enqueued");
    expect(stderr).toContain("100 %  3 dispatches enqueued");
    expect(stderr.endsWith("\r\u001b[K")).toBe(true);
    expect(stdout).toBe("3 dispatches enqueued: 3 created, 0 replaced\n");
  });
});

describe("enqueue's input", () => {
  test.each([
    ["nonsense", /^error: line 1: is not JSON: /],
    ["[]", /^error: line 1: is not JSON: it is no object/],
    [line(1, { colour: "green" }), /^error: line 1: colour: is not one of hostname, rollout_id, /],
    [line(1, { hostname: 5 }), /^error: line 1: hostname: must be a string\n/],
    [line(1, { hostname: undefined }), /^error: line 1: hostname: is required\n/],
    [line(1, { rollout_id: "stable" }), /^error: line 1: rollout_id: must be <channel>@<ref>/],
    [line(1, { target_closure: "/etc/passwd" }), /^error: line 1: target_closure: must be \/nix\/store/],
    [line(1, { soak_due_at: "tomorrow" }), /^error: line 1: soak_due_at: must be an instant by RFC 3339/],
    [line(1, { soak_due_at: "1969-12-31T23:59:59Z" }), /^error: line 1: soak_due_at: must be an instant from 1970/],
    [line(1, { soak_due_at: "2200-01-01T00:00:00Z" }), /^error: line 1: soak_due_at: must be an instant from 1970/],
    [line(1, { soak_due_at: undefined }), /^error: line 1: soak_due_at: is required, or soak\n/],
    [line(1, { soak: "5m" }), /^error: line 1: soak: excludes soak_due_at\n/],
    [line(1, { soak_due_at: undefined, soak: "5" }), /^error: line 1: soak: must be a whole number with a unit/],
    [line(1, { soak_due_at: undefined, soak: "100000d" }), /^error: line 1: soak: must be an instant from 1970/],
    [line(1, { not_before: "5m" }), /^error: line 1: not_before: must be an instant by RFC 3339, .*, or \+DURATION\n/],
    [line(1, { not_before: "+5" }), /^error: line 1: not_before: must be a whole number with a unit/],
    [line(1, { not_after: "+100000d" }), /^error: line 1: not_after: must be an instant from 1970/],
    [line(1, { not_after: 5 }), /^error: line 1: not_after: must be a string\n/],
    [line(1, { not_before: "+5m", not_after: "+5m" }), /^error: line 1: not_after: must be later than not_before\n/],
    [line(1, { max_attempts: "5" }), /^error: line 1: max_attempts: must be a number\n/],
    [line(1, { max_attempts: 1.5 }), /^error: line 1: max_attempts: must be a whole number from 1 to 1000, is 1\.5\n/],
    [line(1, { max_attempts: 0 }), /^error: line 1: max_attempts: must be 1 to 1000, is 0\n/],
  ])("refuses the line %s without asking the server", async (text, message) => {
    await writeFile(join(folder, "line.jsonl"), `${text}\n`);
    const { code, stderr } = await enqueue(1, ["--file", "line.jsonl"]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test.each([
    [[], /^error: --host: is required\n/],
    [["--host", "Web-01"], /^error: --host: must be RFC 1123/],
    [["--host", "web-01"], /^error: --rollout: is required\n/],
    [one, /^error: --soak-due-at: is required, or --soak\n/],
    [[...one, "--soak", "-1m"], /^error: --soak: must be a whole number with a unit/],
    [[...one, "--soak", "1m", "--soak-due-at", "2026-05-16T01:30:00Z"], /^error: --soak: excludes --soak-due-at\n/],
    [[...one, "--soak", "1m", "--not-before", "soon"], /^error: --not-before: must be an instant by RFC 3339/],
    [
      [...one, "--soak", "1m", "--not-before", "+2h", "--not-after", "2026-01-01T00:00:00Z"],
      /^error: --not-after: must be later than --not-before\n/,
    ],
    [[...one, "--soak", "1m", "--max-attempts", "1001"], /^error: --max-attempts: must be 1 to 1000, is 1001\n/],
    [
      [...one, "--soak", "1m", "--max-attempts", "all"],
      /^error: --max-attempts: must be a whole number from 1 to 1000/,
    ],
    [["--not-after", "+1h", "--file", "-"], /^error: --file excludes .*--not-after/],
    [[...one, "--soak", "1m", "--batch", "5"], /^error: --batch goes with --file only\n/],
    [["--host", "web-01", "--file", "-"], /^error: --file excludes --host, /],
    [["--file", "missing.jsonl"], /^error: --file: .*missing\.jsonl does not exist\n/],
    [["--file", "."], /^error: --file: .* is a folder\n/],
    [["--file", "-", "--batch", "0"], /^error: --batch: must be a whole number from 1 to 10000, not "0"\n/],
    [["--file", "-", "--batch", "10001"], /^error: --batch: must be/],
  ])("refuses %j, exit code 2", async (args, message) => {
    const { code, stderr } = await enqueue(1, args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("a server that is not there: exit code 5, and it is safe to repeat", async () => {
    const { code, stderr } = await enqueue(1, [...one, "--soak", "5m"]);
    expect(code).toBe(5);
    expect(stderr).toMatch(
      /^error: .*ECONNREFUSED.* \(it is safe to repeat the command\)\nhint: Nothing listens there/,
    );
  });
});

describe("enqueue with a server that has its own mind", () => {
  let answer: (request: EnqueueDispatchesRequest) => Promise<void> | void;
  let port: number;
  let stop: () => Promise<void>;

  beforeEach(async () => {
    const server = createSecureServer(
      { allowHTTP1: true, ...pki.server },
      connectNodeAdapter({
        routes: (router) => {
          router.service(QueueService, {
            async enqueueDispatches(request) {
              await answer(request);
              return { results: request.dispatches.map((dispatch) => ({ ...result(dispatch) })) };
            },
          });
        },
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    port = address.port;
    stop = () => new Promise((resolve) => server.close(() => resolve()));
  });
  afterEach(() => stop());

  const result = ({ hostname, rolloutId }: { hostname: string; rolloutId: string }) => ({
    hostname,
    rolloutId,
    outcome: EnqueueOutcome.CREATED,
  });

  test("a rule that only the server has is reported by the number of the line", async () => {
    answer = ({ dispatches }) => {
      const index = dispatches.findIndex(({ hostname }) => hostname === "web-5");
      if (index !== -1) throw new ConnectError(`dispatches[${index}].hostname: is on holiday`, Code.InvalidArgument);
    };
    await writeFile(join(folder, "seven.jsonl"), lines(7).join("\n\n"));
    expect(await enqueue(port, ["--file", "seven.jsonl", "--batch", "3"])).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "error: line 9: hostname: is on holiday " +
        "(up to line 5, 3 dispatches enqueued: 3 created, 0 replaced; nothing after that)\n",
    });
  });

  test("says how far it came when the server goes away, and that repeating is safe", async () => {
    let calls = 0;
    answer = () => {
      calls += 1;
      if (calls === 2) throw new ConnectError("the server is shutting down", Code.Unavailable);
    };
    await writeFile(join(folder, "seven.jsonl"), lines(7).join("\n"));
    expect(await enqueue(port, ["--file", "seven.jsonl", "--batch", "3"])).toEqual({
      code: 5,
      stdout: "",
      stderr:
        "error: the server is shutting down (up to line 3, 3 dispatches enqueued: 3 created, 0 replaced; " +
        "it is safe to repeat the whole command)\n",
    });
    expect(calls).toBe(2);
  });

  test("reads no further ahead than the batch it has in hand", async () => {
    let read = 0;
    const stdin = Readable.from(
      (function* () {
        for (let i = 1; i <= 20_000; i++) {
          read = i;
          yield `${line(i)}\n`;
        }
      })(),
    );
    const readAtCall: number[] = [];
    answer = () => {
      readAtCall.push(read);
    };
    expect((await enqueue(port, ["--file", "-", "--batch", "5000"], { stdin })).stdout).toContain("20000 dispatches");
    expect(readAtCall).toHaveLength(4);
    expect(readAtCall[0]).toBeLessThan(5_500);
  });

  test.each(["SIGINT", "SIGTERM"])("%s ends a call, exit code 130", async (signal) => {
    const arrived = new Promise<void>((resolve) => {
      answer = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    const run = start(enqueueCommand, [...connection(port), ...one, "--soak", "5m"], { cwd: folder });
    await arrived;
    run.send(signal);
    expect(await run.ended).toBe(130);
    expect(run.stderr.text).toBe(`error: stopped by ${signal} (it is safe to repeat the command)\n`);
  });

  test("SIGINT ends waiting for a stdin that says nothing", async () => {
    const stdin = new PassThrough();
    const run = start(enqueueCommand, [...connection(port), "--file", "-"], { cwd: folder, stdin });
    await new Promise<void>((resolve) => {
      const poll = () => (run.signals.listenerCount("SIGINT") > 0 ? resolve() : void setImmediate(poll));
      poll();
    });
    run.send("SIGINT");
    expect(await run.ended).toBe(130);
    expect(stdin.isPaused()).toBe(true);
  });
});
