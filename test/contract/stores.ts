import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DispatchStore } from "../../src/dispatch/ports.js";
import type { PostgresStoreOptions } from "../../src/store/postgres/store.js";
import { PostgresStore } from "../../src/store/postgres/store.js";
import { SqliteStore } from "../../src/store/sqlite/store.js";
import { tokens } from "../support/dispatches.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";
import { emptyDatabase } from "../support/postgres/shared.js";
import { momentsOf, storeOptions } from "../support/postgres/store.js";

/** A store of the test's own, empty at first, whose clock stands until the test moves it. */
export interface OpenStore {
  readonly store: DispatchStore;
  readonly clock: FakeClock;
  /** Closes it and opens it again on the same data; `undefined` where nothing outlives the store. */
  readonly reopened: (() => Promise<OpenStore>) | undefined;
  /** Closes it and removes its data. */
  close(): Promise<void>;
}

/** Every implementation of the port. The one in memory serves the tests of the rules, so it is held to it too. */
export const stores: Readonly<Record<"memory" | "sqlite" | "postgres", () => Promise<OpenStore>>> = {
  async memory() {
    const clock = new FakeClock();
    const store = new MemoryStore(clock);
    return { store, clock, reopened: undefined, close: () => store.close() };
  },
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
    return openSqlite(folder, { clock: new FakeClock(), newToken: tokens() });
  },
  async postgres() {
    const clock = new FakeClock();
    return openPostgres(await emptyDatabase(), { clock, moment: momentsOf(clock), newToken: tokens() });
  },
};

function openSqlite(folder: string, options: { clock: FakeClock; newToken: ReturnType<typeof tokens> }): OpenStore {
  const store = SqliteStore.open(join(folder, "dispatch.db"), options);
  return {
    store,
    clock: options.clock,
    async reopened() {
      await store.close();
      return openSqlite(folder, options);
    },
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

interface PostgresTimes extends Required<Pick<PostgresStoreOptions, "moment" | "newToken">> {
  readonly clock: FakeClock;
}

async function openPostgres(url: string, { clock, ...times }: PostgresTimes): Promise<OpenStore> {
  const store = await PostgresStore.open(storeOptions(url, times));
  return {
    store,
    clock,
    async reopened() {
      await store.close();
      return openPostgres(url, { clock, ...times });
    },
    close: () => store.close(),
  };
}
