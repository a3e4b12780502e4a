import { expect, test } from "vitest";
import { PostgresStore } from "../../../src/store/postgres/store.js";
import { group, newDispatch, taker, want } from "../../support/dispatches.js";
import { sharedPostgres } from "../../support/postgres/shared.js";
import { storeOptions } from "../../support/postgres/store.js";

const times = 10;

test("plans that were made for an empty table do not look through a full one", async () => {
  const postgres = await sharedPostgres();
  const database = await postgres.createDatabase();
  const store = await PostgresStore.open(storeOptions(postgres.url(database), { poolSize: 2 }));
  const lease = taker({ kind: "lease", leaseMs: 60_000 });
  const work = async (hostname: string) => {
    await store.enqueue([{ ...group(newDispatch(hostname, "s@1"), newDispatch(hostname, "s@2")), supersede: true }]);
    const { taken } = await store.take([want(hostname, lease)]);
    const steps = taken.flat().map(({ take }) => ({ kind: "giveBack", take }) as const);
    await store.apply(steps);
    await store.settleDue(10);
  };
  // The tables' statistics, and the plans, are those of this moment for as long as the test takes.
  await postgres.sql(database, "ALTER TABLE dispatches SET (autovacuum_enabled = off)");
  for (let i = 0; i < times; i += 1) await work(`first-${i}`);
  await postgres.sql(
    database,
    `INSERT INTO dispatches (hostname, rollout_id, target_closure, soak_due_at, max_attempts, enqueued_at, sequence, state, attempt, changed_at)
     SELECT 'other-' || n, 's@1', 'c', now(), 1, now(), n, CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'delivered' END, 0, now()
     FROM generate_series(1, 20000) AS n`,
  );
  const rowsRead = async () => {
    const { rows } = await postgres.sql(
      database,
      "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS n FROM pg_stat_user_tables WHERE relname = 'dispatches'",
    );
    return rows[0].n;
  };
  const before = await rowsRead();
  for (let i = 0; i < times; i += 1) await work(`second-${i}`);
  await store.close();
  // The sessions that have ended have told all that they have read.
  expect((await rowsRead()) - before).toBeLessThan(times * 100);
});
