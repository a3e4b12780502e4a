import { instantFromMs, type Steady } from "../../../src/dispatch/instant.js";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.js";
import type { MomentSource } from "../../../src/store/postgres/moment.js";
import type { PostgresStoreOptions } from "../../../src/store/postgres/store.js";
import { systemClock } from "../../../src/telemetry/clock.js";
import { tokens } from "../dispatches.js";
import type { FakeClock } from "../fake-clock.js";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** With the defaults of `serve`, unless `overrides` says otherwise. */
export function storeOptions(url: string, overrides: Partial<PostgresStoreOptions> = {}): PostgresStoreOptions {
  return {
    address: parseDatabaseUrl(url),
    where: "postgres://test",
    applicationName: "nixfleet-dispatch test",
    serverId: "test",
    serverName: "test",
    clock: systemClock,
    random: Math.random,
    log: quiet,
    poolSize: 4,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 10_000,
    lockTimeoutMs: 5_000,
    idleInTransactionTimeoutMs: 10_000,
    newToken: tokens(),
    ...overrides,
  };
}

/** Both clocks of a test's, in the place of the database's. */
export function momentsOf(clock: FakeClock): MomentSource {
  const offset = instantFromMs(clock.nowMs()) - Math.floor(clock.monotonicMs() * 1_000);
  return () => ({
    now: instantFromMs(clock.nowMs()),
    steady: (Math.floor(clock.monotonicMs() * 1_000) + offset) as Steady,
  });
}
