import { type RunningServer, startServer } from "../../src/app.js";
import type { TestPki } from "./certificates.js";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** The project's own server, with its database at `dbPath`. */
export function startRealServer(pki: TestPki, dbPath: string, port = 0): Promise<RunningServer> {
  return startServer({
    listen: { host: "127.0.0.1", port },
    adminListen: "none",
    tls: { ...pki.server, clientCa: pki.ca, operatorCa: undefined },
    db: { kind: "sqlite", path: dbPath },
    agentCnSuffix: "fleet.lab.internal",
    operatorCn: ["operator-*"],
    revocations: undefined,
    pollsPerHost: 4,
    sweepMs: 60_000,
    drainTimeoutMs: 5_000,
    log: quiet,
  });
}
