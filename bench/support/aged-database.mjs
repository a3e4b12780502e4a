// A database as it is after long use: dispatches that are done, with their history, and some that wait.

import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { dispatch } from "./dispatches.mjs";

/** Not the hosts that the bench's agents are. */
const firstHost = 60_000;
const hostCount = 20_000;

/**
 * Two events (enqueued, delivered) for each dispatch that is done and one for each that waits, in the order of time, as
 * rollouts over many hosts make them.
 */
export function makeAged(path, { events, pending }) {
  const client = new Database(path);
  client.pragma("journal_mode = WAL");
  client.pragma("synchronous = OFF");
  migrate(drizzle({ client }), { migrationsFolder: "dist/src/store/sqlite/migrations" });
  const insert = prepare(client);
  const done = (events - pending) / 2;
  client.transaction(() => {
    for (let n = 0; n < done; n++) insert(n, "delivered", done + pending);
    for (let n = done; n < done + pending; n++) insert(n, "pending", done + pending);
  })();
  client.pragma("wal_checkpoint(TRUNCATE)");
  client.close();
}

function prepare(client) {
  const row = client.prepare(`INSERT INTO dispatches
    (hostname, rollout_id, target_closure, soak_due_at, max_attempts, enqueued_at, sequence, state, attempt, changed_at,
     last_event_id)
    VALUES (?, ?, ?, ?, 10, ?, ?, ?, ?, ?, ?)`);
  const event = client.prepare(`INSERT INTO events
    (id, at, hostname, rollout_id, kind, attempt, actor, address, wire, detail, prev_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, '127.0.0.1', 'http', '', ?)`);
  let id = 0;
  const endMicros = Date.now() * 1_000 - 60_000_000;
  return (n, state, count) => {
    const { hostname, rollout_id, target_closure } = dispatch(firstHost + (n % hostCount), Math.floor(n / hostCount));
    const at = endMicros - (count - n) * 1_000;
    const attempt = state === "pending" ? 0 : 1;
    id += 1;
    event.run(id, at, hostname, rollout_id, "enqueued", 0, "operator-bench", null);
    if (attempt === 1) {
      id += 1;
      event.run(id, at, hostname, rollout_id, "delivered", 1, hostname, id - 1);
    }
    row.run(hostname, rollout_id, target_closure, at, at, n, state, attempt, at, id);
  };
}
