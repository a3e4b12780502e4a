import { readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { copyDatabase } from "../../../src/store/sqlite/copy.js";
import { databasePath } from "./files.js";

const original = databasePath();
const copy = () => `${original()}-copy`;

const never = new AbortController().signal;

/** A database of 100 rows in a journal mode, that nobody has open. With `wal`, a log of 32 bytes and more lies beside it. */
function make(mode: "wal" | "delete"): void {
  const client = new Database(original());
  client.pragma(`journal_mode = ${mode}`);
  client.exec("CREATE TABLE numbers (n INTEGER); BEGIN");
  for (let n = 1; n <= 100; n += 1) client.prepare("INSERT INTO numbers VALUES (?)").run(n);
  client.exec("COMMIT");
  client.close();
  if (mode === "wal") writeFileSync(`${original()}-wal`, Buffer.alloc(32, 1));
}

function sumIn(file: string): unknown {
  const client = new Database(file);
  try {
    return client.prepare("SELECT sum(n) FROM numbers").pluck().get();
  } finally {
    client.close();
  }
}

describe("a copy", () => {
  test.each(["wal", "delete"] as const)("of a database in mode %s holds what it holds", async (mode) => {
    make(mode);
    await copyDatabase(original(), copy(), { signal: never });
    expect(sumIn(copy())).toBe(5_050);
  });

  test("is made again from the start if the log begins anew meanwhile", async () => {
    make("wal");
    const told: number[] = [];
    await copyDatabase(original(), copy(), {
      signal: never,
      onProgress(fraction) {
        told.push(fraction);
        if (told.length === 1) writeFileSync(`${original()}-wal`, Buffer.alloc(32, 2));
      },
    });
    // The control: nobody disturbs the second time, and there is no third.
    expect(told).toEqual([1, 1]);
    expect(readFileSync(`${copy()}-wal`)).toEqual(Buffer.alloc(32, 2));
  });

  test("ends with the signal's reason, and does not wait for a moment that never comes", async () => {
    make("wal");
    const stop = new AbortController();
    let salt = 1;
    const copied = copyDatabase(original(), copy(), {
      signal: stop.signal,
      onProgress() {
        salt += 1;
        writeFileSync(`${original()}-wal`, Buffer.alloc(32, salt));
        if (salt === 5) stop.abort(new Error("enough"));
      },
    });
    await expect(copied).rejects.toThrow("enough");
  });
});
