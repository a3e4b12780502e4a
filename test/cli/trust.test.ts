import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { restoreCommand } from "../../src/cli/restore.js";
import { revocationsCommand } from "../../src/cli/revocations.js";
import { revokeCommand } from "../../src/cli/revoke.js";
import { documentedFields, jsonLines } from "../docs/json-fields.js";
import { Served } from "./history/served.js";

let folder: string;
let served: Served;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trust-commands-"));
  const revocations = join(folder, "revocations.json");
  writeFileSync(revocations, JSON.stringify({ "db-01": "2100-01-01T00:00:00Z" }));
  served = await Served.start({ revocations });
});
afterEach(async () => {
  await served.close();
  await rm(folder, { recursive: true });
});

const revoke = (...args: string[]) => served.run(revokeCommand, args);
const restore = (...args: string[]) => served.run(restoreCommand, args);
const pollStatus = async (id: string) => (await (await served.agent(id)).take("wait=0")).status;

async function revocations() {
  return jsonLines((await served.run(revocationsCommand, ["--json"])).stdout);
}

describe("revoke", () => {
  test("shuts the host out at once, and says from when", async () => {
    expect(await pollStatus("web-01")).toBe(204);
    const { code, stdout, stderr } = await revoke("web-01", "--reason", "stolen", "--yes");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^revoked {2}web-01 {2}its certificates from before \d{4}-\S+ \S+ are refused\n$/);
    expect(await pollStatus("web-01")).toBe(401);
    expect(await pollStatus("web-02")).toBe(204);
  });

  test("with --json prints the fields of the documentation", async () => {
    const [made] = jsonLines(
      (await revoke("web-01", "--before", "2100-01-02T03:04:05.678901Z", "--yes", "--json")).stdout,
    );
    expect(Object.keys(made)).toEqual(documentedFields("revoke"));
    expect(made).toMatchObject({
      hostname: "web-01",
      revoked_before: "2100-01-02T03:04:05.678901Z",
      source: "call",
      reason: null,
      revoked_by: "operator-alice",
    });
  });

  test("of an earlier instant leaves the later one in force, and says so", async () => {
    await revoke("web-01", "--yes");
    const { code, stderr } = await revoke("web-01", "--before", "2h", "--yes");
    expect([code, stderr]).toEqual([0, "it had been revoked before with that later instant, which stays in force\n"]);
  });

  test("asks on a terminal, with what is known of the host, and does nothing without a yes", async () => {
    await served.enqueue("web-01", "stable@a1", "stable@b2");
    await pollStatus("web-01");
    for (const [answer, code, status] of [
      ["n\n", 1, 204],
      ["y\n", 0, 401],
    ] as const) {
      const stdin = Object.assign(new PassThrough(), { isTTY: true });
      const run = served.start(revokeCommand, ["web-01"], {}, { stdin, isTTY: true });
      await run.stderr.match(/Revoke web-01\? \[y\/N\] /);
      expect(run.stderr.text).toMatch(/^Certificates of web-01 that were issued until now are refused from now on/);
      expect(run.stderr.text).toMatch(/\nweb-01 last polled at /);
      stdin.end(answer);
      expect(await run.ended).toBe(code);
      // What was waiting is fetched once, as long as it may.
      if (status === 204) expect(await pollStatus("web-01")).toBe(200);
      expect(await pollStatus("web-01")).toBe(status);
    }
  });

  test("warns who would lock himself out", async () => {
    const { stderr } = await revoke("operator-alice", "--before", "2000-01-01T00:00:00Z", "--yes");
    expect(stderr).toMatch(/^warning: operator-alice is your own name: you lock yourself out\n/);
  });

  test.each([
    [["web-01"], /^error: --yes is missing/],
    [["Web_01", "--yes"], /^error: HOST: must be a machine id/],
    [["web-01", "--before", "soon", "--yes"], /^error: --before: must be an instant/],
  ])("%j is a mistake: exit code 2", async (args, message) => {
    const { code, stderr } = await revoke(...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("revocations", () => {
  test("lists those by call and those of the server's file", async () => {
    await revoke("web-01", "--reason", "left\u0007in a train", "--yes");
    const all = await revocations();
    expect(all.map(Object.keys)).toEqual(all.map(() => documentedFields("revocations")));
    expect(all).toMatchObject([
      {
        hostname: "db-01",
        revoked_before: "2100-01-01T00:00:00Z",
        source: "file",
        reason: null,
        revoked_by: null,
        revoked_at: null,
      },
      { hostname: "web-01", source: "call", reason: "left in a train", revoked_by: "operator-alice" },
    ]);
    const { stdout } = await served.run(revocationsCommand, ["--utc"]);
    expect(stdout).toMatch(/^HOST +ISSUED BEFORE +SOURCE +BY +AT +REASON\n/);
    expect(stdout).toMatch(/\ndb-01 +2100-01-01 00:00:00Z +file +- +-\n/);
    expect(stdout).toMatch(/\nweb-01 +.*Z +call +operator-alice +.*\((now|\d+ s ago)\) +left in a train\n$/);
  });
});

describe("restore", () => {
  test("lets the host in again", async () => {
    await revoke("web-01", "--yes");
    expect(await restore("web-01")).toEqual({ code: 0, stdout: "restored  web-01\n", stderr: "" });
    expect(await pollStatus("web-01")).toBe(204);
    const again = await restore("web-01");
    expect([again.code, again.stdout]).toEqual([3, ""]);
  });

  test("with --json prints the fields of the documentation, and tells of the server's file", async () => {
    await revoke("db-01", "--yes");
    const { code, stdout, stderr } = await restore("db-01", "--json");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^warning: db-01 is still refused/)]);
    const [restored] = jsonLines(stdout);
    expect(Object.keys(restored)).toEqual(documentedFields("restore"));
    expect(restored).toEqual({ hostname: "db-01", revoked_by_file: true });
    expect(await pollStatus("db-01")).toBe(401);
  });

  test("of who is in the file alone says where to take it out", async () => {
    const { code, stderr } = await restore("db-01");
    expect([code, stderr]).toEqual([3, expect.stringContaining("the server's file of revocations has it")]);
  });
});
