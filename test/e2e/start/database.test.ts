import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpClient, wireDispatch } from "../support/client.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";
import { goodFlags, type Refusal, refusedStart } from "../support/start.js";

let pki: TestPki;
let root: string;
/** The bytes of a database that a server has written and closed, of many pages. */
let real: Buffer;
let folders = 0;

beforeAll(async () => {
  pki = await TestPki.create();
  root = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-start-"));
  // The user that some starts run as has to reach the databases and the certificates.
  for (const folder of [root, pki.folder]) chmodSync(folder, 0o755);
  const db = join(root, "real.db");
  const server = await TestServer.start(pki, { db });
  const hosts = Array.from({ length: 300 }, (_, i) => wireDispatch(`web-${i}`));
  await new HttpClient(server, pki, pki.operator).enqueue(...hosts);
  await server.stop();
  real = readFileSync(db);
});
afterAll(() => {
  rmSync(root, { recursive: true });
  pki.remove();
});

/** A database path in a folder of its own. */
function newPath(contents?: Buffer | string): string {
  folders += 1;
  const path = join(root, String(folders), "dispatch.db");
  mkdirSync(dirname(path));
  if (contents !== undefined) writeFileSync(path, contents, { mode: 0o640 });
  return path;
}

function realWith(change: (database: Database.Database) => void): string {
  const path = newPath(real);
  const database = new Database(path);
  change(database);
  database.close();
  return path;
}

/** Everything in the database's folder: contents, modes, and which files there are. */
function stateOf(path: string): unknown[] {
  return readdirSync(dirname(path)).map((name) => {
    const file = join(dirname(path), name);
    const { mode, size } = statSync(file);
    return { name, mode, size, sha256: createHash("sha256").update(readFileSync(file)).digest("hex") };
  });
}

/** A start with this database that must fail without leaving a trace in its folder. */
async function refused(db: string): Promise<Refusal> {
  const before = stateOf(db);
  const refusal = await refusedStart({ flags: goodFlags(pki, db) });
  expect(stateOf(db)).toEqual(before);
  expect(refusal.hint).toBeUndefined();
  return refusal;
}

describe("a database file that is not whole ends the start, and is left as it is", () => {
  test.each([
    ["random bytes", () => randomBytes(20_000)],
    ["a text", () => "# my notes\n".repeat(1_000)],
    ["a real one without its first page", () => real.subarray(4_096)],
    ["a real one, cut off after some pages", () => real.subarray(0, 5 * 4_096)],
    ["a real one, cut off in the middle of a page", () => real.subarray(0, 6 * 4_096 + 100)],
    [
      "a real one with a page overwritten",
      () => Buffer.concat([real.subarray(0, 8_192), randomBytes(4_096), real.subarray(12_288)]),
    ],
  ])("%s", async (_, contents) => {
    const db = newPath(contents());
    const { code, error } = await refused(db);
    expect(code).toBe(1);
    expect(error).toMatch(
      new RegExp(`^${db} is damaged, or is not a database of nixfleet-dispatch. It was left as it is.`),
    );
    expect(error).toContain("Restore a backup over it, or move it away and start anew");
  });

  test("control: the same file, whole, is taken", async () => {
    const server = await TestServer.start(pki, { db: newPath(real) });
    const reply = await new HttpClient(server, pki, await pki.agent("web-299")).poll("?wait=0");
    expect(reply.status).toBe(200);
    await server.stop();
  });

  test("an empty file is a new database", async () => {
    const server = await TestServer.start(pki, { db: newPath("") });
    expect(await server.stop()).toBe(0);
  });
});

describe("a whole database that is not this version's ends the start, and is left as it is", () => {
  test.each(["delete", "wal"])("another program's, in journal mode %s", async (mode) => {
    const db = newPath();
    new Database(db).exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE albums (title TEXT)`).close();
    const { code, error } = await refused(db);
    expect(code).toBe(1);
    expect(error).toContain(`${db} is another program's database`);
    expect(error).toContain("Name another file with --db.");
    expect(error).toContain("albums");
  });

  test("another program's that has a table named like ours", async () => {
    const db = newPath();
    new Database(db).exec("CREATE TABLE dispatches (hostname TEXT)").close();
    expect((await refused(db)).error).toContain(`${db} is another program's database`);
  });

  test("another program's whose migrations drizzle wrote as well", async () => {
    const db = realWith((database) =>
      database.exec("UPDATE __drizzle_migrations SET hash = 'another', created_at = 1"),
    );
    expect((await refused(db)).error).toContain(`${db} is another program's database, or`);
  });

  test("one of a newer version", async () => {
    const later = Date.now() + 1_000_000_000;
    const db = realWith((database) =>
      database.exec(`INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('later', ${later})`),
    );
    const { code, error } = await refused(db);
    expect(code).toBe(1);
    expect(error).toMatch(new RegExp(`^${db} was written by a newer nixfleet-dispatch. It was left as it is. `));
    expect(error).toContain("Run that version again, or restore the backup from before the upgrade.");
  });

  test("one whose migration was edited after it landed", async () => {
    const db = realWith((database) => database.exec("UPDATE __drizzle_migrations SET hash = 'edited'"));
    const { code, error } = await refused(db);
    expect([code, error]).toEqual([1, expect.stringMatching(/migration 1 of \d+ is unknown to this version/)]);
  });
});

describe("a database that this user cannot have ends the start", () => {
  const nobody = 65_534;
  const isRoot = process.getuid?.() === 0;
  /** Root may write everything, so where the tests run as root the program runs as somebody else. */
  const asUser = isRoot ? { uid: nobody } : {};

  function forUser(path: string): void {
    if (isRoot) for (const file of [path, dirname(path)]) chownSync(file, nobody, nobody);
  }

  test("a read-only file, which stays read-only", async () => {
    const db = newPath(real);
    forUser(db);
    chmodSync(db, 0o444);
    const before = stateOf(db);
    const { code, error } = await refusedStart({ flags: await flagsForUser(db), ...asUser });
    expect(code).toBe(1);
    expect(error).toMatch(
      new RegExp(`^${db} cannot be written by this user. Give the user the file and its directory`),
    );
    expect(stateOf(db)).toEqual(before);
  });

  test.runIf(isRoot)("another user's file", async () => {
    const db = newPath(real);
    chmodSync(db, 0o644);
    const before = stateOf(db);
    const { code, error } = await refusedStart({ flags: await flagsForUser(db), ...asUser });
    expect([code, error]).toEqual([1, expect.stringContaining(`${db} cannot be written by this user.`)]);
    expect(stateOf(db)).toEqual(before);
  });

  test("a folder that cannot be made", async () => {
    const db = newPath();
    forUser(dirname(db));
    chmodSync(dirname(db), 0o555);
    const below = join(dirname(db), "deeper", "dispatch.db");
    const { code, error } = await refusedStart({ flags: await flagsForUser(below), ...asUser });
    expect(code).toBe(1);
    expect(error).toMatch(
      new RegExp(`^${below} cannot be opened. Make sure that its directory exists and belongs to this user`),
    );
    expect(readdirSync(dirname(db))).toEqual([]);
  });

  async function flagsForUser(db: string): Promise<Record<string, string>> {
    const key = pki.write("for-user", pki.server);
    chmodSync(`${key}.key`, 0o644);
    return { ...goodFlags(pki, db), "tls-cert": `${key}.crt`, "tls-key": `${key}.key` };
  }

  test("a folder whose parent is a file", async () => {
    const file = newPath("a file");
    const { code, error } = await refusedStart({ flags: goodFlags(pki, join(file, "sub", "dispatch.db")) });
    expect([code, error]).toEqual([1, expect.stringContaining("cannot be opened")]);
    expect(readFileSync(file, "utf8")).toBe("a file");
  });

  test("a path that is a folder", async () => {
    const db = dirname(newPath());
    const { code, error } = await refusedStart({ flags: goodFlags(pki, db) });
    expect([code, error]).toEqual([1, expect.stringContaining(`${db} cannot be opened.`)]);
  });

  test("a file that another server holds, which does not mind", async () => {
    const db = newPath();
    const holder = await TestServer.start(pki, { db });
    const operator = new HttpClient(holder, pki, pki.operator);
    await operator.enqueue(wireDispatch("held"));
    const { code, error } = await refusedStart({ flags: goodFlags(pki, db) });
    expect(code).toBe(1);
    expect(error).toMatch(new RegExp(`^${db} is held by another server`));
    expect(error).toContain("Stop that one, or give this one a file of its own with --db.");
    expect((await operator.enqueue(wireDispatch("held"))).status).toBe(200);
    expect((await new HttpClient(holder, pki, await pki.agent("held")).poll("?wait=0")).status).toBe(200);
    await holder.stop();
  });

  test("a file that another program writes just now", async () => {
    const db = newPath(real);
    const writer = new Database(db);
    writer.exec("BEGIN IMMEDIATE");
    const { code, error } = await refusedStart({ flags: goodFlags(pki, db) });
    expect([code, error]).toEqual([1, expect.stringContaining("or another program has it open")]);
    writer.exec("ROLLBACK");
    writer.close();
  });
});

describe("what the server writes is its user's alone", () => {
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

  test("a new database: folder 0700, file and -wal 0600", async () => {
    const db = join(dirname(newPath()), "made", "dispatch.db");
    const server = await TestServer.start(pki, { db });
    await new HttpClient(server, pki, pki.operator).enqueue(wireDispatch("web-01"));
    expect([dirname(db), db, `${db}-wal`].map(modeOf)).toEqual(["700", "600", "600"]);
    await server.stop();
  });

  test("a database that others could read before", async () => {
    const db = newPath(real);
    chmodSync(db, 0o644);
    const server = await TestServer.start(pki, { db });
    await new HttpClient(server, pki, pki.operator).enqueue(wireDispatch("web-01"));
    expect([db, `${db}-wal`].map(modeOf)).toEqual(["600", "600"]);
    await server.stop();
  });

  test("development certificates: folder 0700, every file 0600, kept over restarts", async () => {
    const state = join(dirname(newPath()), "state");
    const flags = ["--listen", "127.0.0.1:0", "--admin-listen", "none", "--state-dir", state, "--json"];
    const first = await TestServer.serve(flags);
    await first.stop();
    const folder = join(state, "pki");
    const files = readdirSync(folder).sort();
    expect(files).toEqual(
      ["agent-web-01", "ca", "operator-dev", "server-localhost"].flatMap((n) => [`${n}.crt`, `${n}.key`]),
    );
    expect(files.map((name) => modeOf(join(folder, name)))).toEqual(files.map(() => "600"));
    expect([state, folder, join(state, "dispatch.db")].map(modeOf)).toEqual(["700", "700", "600"]);
    const before = files.map((name) => readFileSync(join(folder, name), "utf8"));
    const second = await TestServer.serve(flags);
    await second.stop();
    expect(files.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(before);
  });
});
