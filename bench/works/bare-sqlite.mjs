// The floor of an enqueue: the same rows in the same batches, through better-sqlite3 and nothing else, into the product's
// own table with its indexes, each batch on disk before the next.

import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { dispatch } from "../support/dispatches.mjs";

/** @returns ms */
export async function insertBare(path, { count, batchSize, hosts }) {
  const client = new Database(path);
  client.pragma("locking_mode = EXCLUSIVE");
  client.pragma("journal_mode = WAL");
  client.pragma("synchronous = FULL");
  migrate(drizzle({ client }), { migrationsFolder: "dist/src/store/sqlite/migrations" });
  const insert = client.prepare(`INSERT INTO dispatches
    (hostname, rollout_id, target_closure, soak_due_at, max_attempts, enqueued_at, sequence, state, attempt, changed_at)
    VALUES (?, ?, ?, ?, 10, ?, ?, 'pending', 0, ?)`);
  const insertBatch = client.transaction((first) => {
    for (let n = first; n < first + batchSize; n++) insertOne(insert, dispatch(n % hosts, Math.floor(n / hosts)), n);
  });
  const startedMs = performance.now();
  for (let first = 0; first < count; first += batchSize) insertBatch.immediate(first);
  const tookMs = performance.now() - startedMs;
  client.close();
  return tookMs;
}

function insertOne(insert, { hostname, rollout_id, target_closure }, n) {
  const nowMicros = Date.now() * 1_000;
  insert.run(hostname, rollout_id, target_closure, 1_780_308_000_123_456, nowMicros, n, nowMicros);
}
