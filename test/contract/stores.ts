import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DispatchStore } from "../../src/dispatch/ports.js";
import { SqliteStore } from "../../src/store/sqlite/store.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryStore } from "../support/memory-store.js";

export interface OpenStore {
  readonly store: DispatchStore;
  readonly clock: FakeClock;
  close(): Promise<void>;
}

/** Every implementation of the port, empty. The one in memory serves the tests of the rules, so it is held to it too. */
export const stores: Readonly<Record<string, () => OpenStore>> = {
  memory() {
    const clock = new FakeClock();
    const store = new MemoryStore(clock);
    return { store, clock, close: () => store.close() };
  },
  sqlite() {
    const clock = new FakeClock();
    const folder = mkdtempSync(join(tmpdir(), "nixfleet-dispatch-"));
    const store = SqliteStore.open(join(folder, "dispatch.db"), clock);
    return {
      store,
      clock,
      async close() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};
