import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { StoreOpenError } from "../../../src/store/sqlite/open-error.js";
import { databasePath, openStore } from "./files.js";

const path = databasePath();

async function openAndClose(): Promise<void> {
  await openStore(path()).close();
}

function edit(sql: string): void {
  const client = new Database(path());
  client.exec(sql);
  client.close();
}

function read(sql: string): unknown[] {
  const client = new Database(path());
  const rows = client.prepare(sql).raw().all();
  client.close();
  return rows;
}

/** The kind of trouble; the file must be as it was. */
function trouble(): unknown {
  const before = readFileSync(path());
  try {
    openStore(path());
    return "opened";
  } catch (error) {
    expect(readFileSync(path()).equals(before)).toBe(true);
    return error instanceof StoreOpenError ? error.trouble : error;
  }
}

const history = "SELECT hash, created_at FROM __drizzle_migrations ORDER BY created_at";

describe("the schema", () => {
  test("is made once, and its history kept", async () => {
    await openAndClose();
    const first = read(history);
    await openAndClose();
    expect(first.length).toBeGreaterThan(0);
    expect(read(history)).toEqual(first);
  });

  test("is made in a file that is there and empty", async () => {
    edit("VACUUM");
    await openAndClose();
    expect(read("SELECT count(*) FROM dispatches")).toEqual([[0]]);
  });

  test("of a newer version is refused", async () => {
    await openAndClose();
    edit("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('of the future', 99999999999999)");
    expect(trouble()).toBe("newer");
  });

  test("with another history is refused", async () => {
    await openAndClose();
    edit("UPDATE __drizzle_migrations SET hash = 'edited after it landed'");
    expect(trouble()).toBe("foreign");
  });

  test("of another program is refused", () => {
    edit("CREATE TABLE places (url TEXT); INSERT INTO places VALUES ('https://example.org')");
    expect(trouble()).toBe("foreign");
  });

  test("whose history was emptied under its tables is refused", async () => {
    await openAndClose();
    edit("DELETE FROM __drizzle_migrations");
    expect(trouble()).toBe("foreign");
  });
});
