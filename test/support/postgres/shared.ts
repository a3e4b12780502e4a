import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { inject } from "vitest";
import { Databases } from "./databases.js";

let shared: Promise<Databases> | undefined;

/** The PostgreSQL that all test files share; see `global-setup.ts`. The first to ask waits for its start. */
export function sharedPostgres(): Promise<Databases> {
  shared ??= ask(inject("postgresFolder"));
  return shared;
}

async function ask(folder: string): Promise<Databases> {
  writeFileSync(join(folder, "wanted"), "");
  while (!existsSync(join(folder, "answer"))) await pause(50);
  const { port, error } = JSON.parse(readFileSync(join(folder, "answer"), "utf8"));
  if (error !== undefined) throw new Error(error);
  return new Databases(port);
}

let own: Promise<string> | undefined;

const tables = ["dispatches", "events", "hosts", "servers", "parked", "revocations"];

/** A few milliseconds, where a new database, and the migrations in it, would take two hundred. */
const emptyText = `
DO $$ BEGIN
  IF to_regclass('dispatches') IS NOT NULL THEN
    ${tables.map((table) => `DELETE FROM ${table};`).join(" ")}
    PERFORM setval('events_id_seq', 1, false), setval('enqueue_numbers', 1, false);
  END IF;
END $$`;

/** The URL of a database of this test file's own. It is the same one each time, with nothing in it. */
export async function emptyDatabase(): Promise<string> {
  own ??= sharedPostgres().then((databases) => databases.createDatabase());
  const [databases, name] = await Promise.all([sharedPostgres(), own]);
  await databases.sql(name, emptyText);
  return databases.url(name);
}
