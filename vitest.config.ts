import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { Standstill } from "./test/support/standstill.js";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Starts PostgreSQL when a test asks for it, and stops it.
    globalSetup: ["test/support/postgres/global-setup.ts"],
    reporters: ["default", new Standstill()],
    // Most tests wait for sockets and processes more than they compute, so two at a time are faster even on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // End-to-end tests start real servers and hundreds of TLS connections on machines with two cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The same for what is waited for by looking again and again.
    expect: { poll: { timeout: 30_000 } },
  },
});
