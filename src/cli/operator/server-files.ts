import { readFileSync } from "node:fs";
import { settingFlag } from "../../config/setting.js";
import type { ServeConfig } from "../../config/settings.js";
import { UsageError } from "../../config/usage-error.js";
import type { Log } from "../../dispatch/ports.js";
import { loadTlsFiles } from "../../http/tls-files.js";
import { parseRevocations } from "../../identity/revocations.js";
import { assertDevelopmentAllowed } from "../development.js";
import { messageOf } from "../output.js";

/**
 * Reads the files that the server's settings name, as a start does.
 *
 * @param warn hears of what is no mistake, and perhaps not meant so
 * @throws UsageError for what would keep the server from starting
 */
export function checkServerFiles(config: ServeConfig, warn: (text: string) => void): void {
  const { tlsCert: cert, tlsKey: key, clientCa, operatorCa, revocations } = config;
  if (cert === undefined || key === undefined) {
    assertDevelopmentAllowed(config);
    warn("without --tls-cert this is development mode, with certificates of its own making");
  } else {
    blaming(undefined, () => loadTlsFiles({ cert, key, clientCa, operatorCa }, logTo(warn), Date.now()));
    if (clientCa === undefined) warn("no --client-ca: every call will be answered with 401");
  }
  if (revocations === undefined) return;
  blaming(`${settingFlag("revocations")}: ${revocations}`, () => parseRevocations(readFileSync(revocations, "utf8")));
}

/** What keeps `serve` from starting is a mistake in the configuration. */
function blaming(what: string | undefined, check: () => unknown): void {
  try {
    check();
  } catch (cause) {
    throw new UsageError(`${what === undefined ? "" : `${what}: `}${messageOf(cause)}`, undefined, { cause });
  }
}

function logTo(warn: (text: string) => void): Log {
  const tell: Log["warn"] = ({ path }, message) => warn(`${path}: ${message}`);
  return { error: tell, warn: tell, info: () => undefined, debug: () => undefined };
}
