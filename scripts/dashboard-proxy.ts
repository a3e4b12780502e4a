import { Agent } from "node:https";
import type { ProxyOptions } from "vite";
import { credentialFiles, readCredentials } from "../src/cli/connect.js";
import { resolveClient } from "../src/config/resolve.js";

/** For Vite's server: calls go to the configured server, with the operator's certificate. Only for work on the page itself. */
export async function developmentProxy(): Promise<Record<string, ProxyOptions>> {
  const config = resolveClient({ flags: new Map(), configFile: undefined, env: process.env, cwd: process.cwd() });
  const agent = new Agent({ ...(await readCredentials(credentialFiles(config, "operator"))), keepAlive: true });
  return { "/nixfleet.dispatch.v1.": { target: config.server, agent, changeOrigin: true } };
}
