import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentedFields } from "../../docs/json-fields.js";
import { TestPki } from "../support/pki.js";
import { runProgram, TestServer } from "../support/server.js";
import { newDispatches, operatorOf } from "./operator.js";

let pki: TestPki;
let server: TestServer;
let db: string;
beforeAll(async () => {
  pki = await TestPki.create();
  db = pki.path("state/dispatch.db");
  server = await TestServer.start(pki, { db });
  await operatorOf(server, pki).queue.enqueueDispatches({ dispatches: newDispatches(hosts(3_000), "stable@aa") });
});
afterAll(async () => {
  if (!server.hasExited) await server.stop();
  pki.remove();
});

const hosts = (count: number) => Array.from({ length: count }, (_, i) => `web-${i}`);

/** Runs `db …`; the paths of files are those of the test's folder. */
const runDb = (...args: readonly string[]) => runProgram(["db", ...args]);

async function checked(path: string) {
  const { code, stdout, stderr } = await runDb("check", "--db", path, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Enqueues without a pause until it is told to stop. @returns how many calls there were */
function writing() {
  const { queue } = operatorOf(server, pki);
  let isWanted = true;
  const ended = (async () => {
    let calls = 0;
    for (; isWanted; calls += 1) {
      await queue.enqueueDispatches({ dispatches: newDispatches(hosts(40), `noise@${calls.toString(16)}`) });
    }
    return calls;
  })();
  return () => {
    isWanted = false;
    return ended;
  };
}

describe("db check beside a server", () => {
  test("tells what is in the file and who has it open, as JSON and as lines", async () => {
    const states = expect.objectContaining({ pending: expect.any(Number), leased: 0, dead: 0 });
    const json = await checked(db);
    expect(Object.keys(json)).toEqual(documentedFields("db check"));
    expect(json).toEqual({
      path: db,
      bytes: expect.any(Number),
      log_bytes: expect.any(Number),
      held_by: server.pid,
      migrations_applied: [expect.stringMatching(/^0000_/), ...json.migrations_applied.slice(1)],
      migrations_pending: [],
      states,
      hosts: 0,
      events: expect.any(Number),
      revocations: 0,
    });
    expect(json.log_bytes).toBeGreaterThan(0);
    const { stdout } = await runDb("check", "--db", db);
    expect(stdout).toMatch(/\n {2}size {10}[\d.]+ [kM]B, and a log of [\d.]+ [kM]B beside it\n/);
    expect(stdout).toContain(`\n  open in       process ${server.pid}\n  integrity     ok\n`);
    expect(stdout).toMatch(/\n {2}dispatches {4}\d+ pending\n/);
  });

  test("leaves no file behind, and nothing of the original is touched", async () => {
    const before = readdirSync(pki.path("state"));
    const temporary = pki.path("temporary");
    mkdirSync(temporary);
    const { code } = await runProgram(["db", "check", "--db", db], { env: { TMPDIR: temporary } });
    expect(code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(pki.path("state"))).toEqual(before);
  });

  test("names the temporary folder if that is not there", async () => {
    const { code, stderr } = await runProgram(["db", "check", "--db", db], { env: { TMPDIR: "/nonexistent" } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: .*\/nonexistent/)]);
  });
});

describe("db backup beside a server that writes", () => {
  test("is one moment, whole: every event of it, in order, and the states that they lead to", async () => {
    const stop = writing();
    const taken: { readonly backup: string; readonly states: Record<string, number>; readonly events: number }[] = [];
    for (let i = 0; i < 5; i += 1) {
      const { code, stdout, stderr } = await runDb("backup", "--db", db, "--json", pki.path(`backup-${i}.db`));
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      taken.push(JSON.parse(stdout));
    }
    const calls = await stop();
    // The control: it was written to all the time.
    const counts = taken.map(({ events }) => events);
    expect(new Set(counts).size).toBe(counts.length);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    for (const { backup, states, events } of taken) {
      // Nothing was done but to enqueue, in calls of 40: no call is there in part.
      expect([states.pending, (events - 3_000) % 40]).toEqual([events, 0]);
      expect(events).toBeLessThanOrEqual(3_000 + 40 * calls);
      expect(statSync(backup).mode & 0o777).toBe(0o600);
      expect(await checked(backup)).toMatchObject({ events, states, held_by: null, log_bytes: 0 });
    }
    expect(readdirSync(pki.folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("can be served: the queue goes on from that moment", async () => {
    const backup = pki.path("served/backup.db");
    mkdirSync(pki.path("served"));
    expect((await runDb("backup", "--db", db, backup)).code).toBe(0);
    const { events } = await checked(backup);
    const again = await runDb("backup", "--db", db, "--replace", "--json", backup);
    expect(Object.keys(JSON.parse(again.stdout))).toEqual(documentedFields("db backup"));
    const restored = await TestServer.start(pki, { db: backup });
    const operator = operatorOf(restored, pki);
    expect(Number((await operator.queue.getStats({})).lastEventId)).toBe(events);
    const { dispatches } = await operator.queue.listDispatches({ hostname: "web-2999" });
    expect(dispatches.map(({ rolloutId }) => rolloutId)).toEqual(["stable@aa"]);
    expect(await restored.stop()).toBe(0);
  });

  test("never replaces what is there, unless it is told to; and never the database", async () => {
    const target = pki.path("precious.db");
    writeFileSync(target, "precious");
    const refused = await runDb("backup", "--db", db, target);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: .*precious\.db exists already: nothing was written\nhint: .*--replace/),
    ]);
    expect(readFileSync(target, "utf8")).toBe("precious");
    expect((await runDb("backup", "--db", db, "--replace", target)).code).toBe(0);
    expect((await checked(target)).events).toBeGreaterThan(0);
    const itself = await runDb("backup", "--db", db, "--replace", db);
    expect([itself.code, itself.stderr]).toEqual([2, expect.stringContaining("is the database itself")]);
    const nowhere = await runDb("backup", "--db", db, pki.path("no/such/folder.db"));
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringMatching(/there is no folder .*no\/such/)]);
  });
});

describe("db migrate", () => {
  test("is refused while a server has the file, and names its process; --dry-run is not", async () => {
    const { code, stderr } = await runDb("migrate", "--db", db);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`held by another server`)]);
    expect(stderr).toContain(`by process ${server.pid}`);
    const dry = await runDb("migrate", "--db", db, "--dry-run");
    expect([dry.code, dry.stdout]).toEqual([0, `${db} is up to date\n`]);
  });

  test("brings a file up to date, once, and a server starts on it", async () => {
    const empty = pki.path("empty.db");
    writeFileSync(empty, "");
    const { migrations_pending, states } = await checked(empty);
    expect([migrations_pending[0], states]).toEqual([expect.stringMatching(/^0000_/), null]);
    const dry = await runDb("migrate", "--db", empty, "--dry-run", "--json");
    expect(Object.keys(JSON.parse(dry.stdout))).toEqual(documentedFields("db migrate"));
    expect(JSON.parse(dry.stdout)).toEqual({ path: empty, migrations: migrations_pending, dry_run: true });
    expect(statSync(empty).size).toBe(0);
    const first = await runDb("migrate", "--db", empty);
    expect(first.stdout).toBe(migrations_pending.map((name: string) => `applied  ${name}\n`).join(""));
    expect((await runDb("migrate", "--db", empty)).stdout).toBe(`${empty} is up to date\n`);
    expect(await (await TestServer.start(pki, { db: empty })).stop()).toBe(0);
  });
});

describe("a file that is", () => {
  test("not there: exit code 3", async () => {
    for (const command of ["check", "migrate"]) {
      const { code, stderr } = await runDb(command, "--db", pki.path("nothing.db"));
      expect([code, stderr]).toEqual([3, `error: there is no ${pki.path("nothing.db")}\n`]);
    }
  });

  test("no database, or another program's: exit code 1, and it is left as it is", async () => {
    const path = pki.path("text.db");
    writeFileSync(path, "not a database, but a text that is long enough to have a header of 100 bytes, ".repeat(3));
    const before = readFileSync(path);
    for (const args of [["check"], ["migrate"], ["backup", pki.path("of-text.db")]]) {
      const { code, stderr } = await runDb(...args, "--db", path);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: .*text\.db is damaged, or is not a database/)]);
    }
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(pki.folder)).not.toContain("of-text.db");
  });

  test("damaged in the middle: found by db check, and never backed up", async () => {
    const path = pki.path("damaged.db");
    expect((await runDb("backup", "--db", db, path)).code).toBe(0);
    truncateSync(path, Math.floor(statSync(path).size / 8_192) * 4_096);
    const { code, stderr } = await runDb("check", "--db", path);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: .*damaged\.db is damaged/)]);
    const backup = await runDb("backup", "--db", path, pki.path("of-damaged.db"));
    expect(backup.code).toBe(1);
    expect(readdirSync(pki.folder)).not.toContain("of-damaged.db");
  });

  test("in PostgreSQL: exit code 2, and what to use there", async () => {
    const { code, stderr } = await runDb("check", "--db", "postgres://localhost/dispatch");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: this command is for SQLite's file.*\nhint: .*pg_dump/),
    ]);
  });

  test("the word none: exit code 2", async () => {
    const { code, stderr } = await runDb("check", "--db", "none");
    expect([code, stderr]).toEqual([2, expect.stringContaining("--db")]);
  });
});
