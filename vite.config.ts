import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The operator's page, `src/dashboard`. Built beside the compiled program, which serves it. */
export default defineConfig(async ({ command }) => ({
  root: "src/dashboard",
  plugins: [react()],
  build: {
    outDir: "../../dist/src/dashboard",
    emptyOutDir: true,
    target: "es2022",
    // The page's policy takes no `data:` addresses and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // It comes from the same machine.
    chunkSizeWarningLimit: 1_000,
  },
  server: command === "serve" ? await developmentServer() : {},
}));

/** Changes show at once, against a running server: the one that `NIXFLEET_DISPATCH_*` variables name, or the development one. */
async function developmentServer() {
  const { developmentProxy } = await import("./scripts/dashboard-proxy.js");
  return { host: "127.0.0.1", proxy: await developmentProxy() };
}
