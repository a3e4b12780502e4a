import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // End-to-end tests start real servers and hundreds of TLS connections on machines with two cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
