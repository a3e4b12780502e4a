import type { Client } from "@connectrpc/connect";
import type { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { clientGroup, type ServeConfig } from "../../config/settings.js";
import type { Io } from "../io.js";
import { type KnownStats, knownStats } from "../operator/stats-record.js";
import { writtenSources } from "../options.js";
import { type Caller, withQueue } from "./caller.js";
import { findClientConfig, findServeConfig } from "./configuration.js";
import { checkDatabase } from "./database.js";
import type { Examination } from "./examination.js";
import { type Finding, skip } from "./finding.js";
import { judgeConnection, judgeFailedConnection, judgeServerCertificate, shakeHands } from "./handshake.js";
import { KeptConnection } from "./kept-connection.js";
import { findOwn, judgeTrust } from "./own-certificate.js";
import { judgeAccess, judgeClock, judgeReadiness, judgeRefusal, judgeVersion, notReached } from "./server.js";
import { holdSilence } from "./silence.js";

/** Makes the checks, from what is nearest to what is farthest. What cannot be checked after a failure is skipped. */
export async function examine(examination: Examination): Promise<void> {
  const { command, io, report } = examination;
  const configFile = writtenSources(command, clientGroup, io).configFile;
  const client = findClientConfig(command, io);
  const server = findServeConfig(configFile, io);
  report.add("configuration", client.finding);
  report.add("server-settings", server.finding);
  const own = client.value === undefined ? undefined : await findOwn(client.value, Date.now());
  report.add("client-certificate", own?.finding ?? skip("there is no configuration to take it from"));
  const caller: Caller | undefined =
    client.value === undefined || own?.value === undefined ? undefined : { config: client.value, own: own.value };
  report.add(
    "trusted-ca",
    caller === undefined ? skip("it is named with the certificate") : judgeTrust(caller.own, Date.now()),
  );
  const isReached = await checkServer(examination, caller);
  report.add("database", await databaseFinding(server.value, io));
  await holdSilence(examination, isReached ? caller : undefined, server.value);
}

/** @returns whether the server can be called */
async function checkServer(examination: Examination, caller: Caller | undefined): Promise<boolean> {
  const { report } = examination;
  const names = ["connection", "server-certificate", "access", "clock", "version", "readiness"] as const;
  const findings = caller === undefined ? new Map() : await serverFindings(examination, caller);
  for (const name of names) report.add(name, findings.get(name) ?? notReached());
  return findings.get("readiness") !== undefined;
}

type ServerCheck = "connection" | "server-certificate" | "access" | "clock" | "version" | "readiness";

async function serverFindings({ signal }: Examination, caller: Caller): Promise<ReadonlyMap<ServerCheck, Finding>> {
  const findings = new Map<ServerCheck, Finding>();
  const server = new URL(caller.config.server);
  const options = { server, credentials: caller.own.credentials, timeoutMs: caller.config.timeout, signal };
  try {
    const handshake = await shakeHands(options);
    findings.set("connection", judgeConnection(handshake));
    const certificate = judgeServerCertificate(handshake, server, Date.now());
    findings.set("server-certificate", certificate);
    if (certificate.status === "fail") return findings;
  } catch (thrown) {
    signal.throwIfAborted();
    return findings.set("connection", judgeFailedConnection(thrown));
  }
  await askNumbers(caller, signal, findings);
  return findings.set("readiness", await readiness(caller, signal));
}

async function askNumbers(caller: Caller, signal: AbortSignal, findings: Map<ServerCheck, Finding>): Promise<void> {
  try {
    const stats = await withQueue(caller, (queue) => statsOf(queue, signal));
    findings.set("access", judgeAccess(stats));
    findings.set("clock", judgeClock(stats));
    findings.set("version", judgeVersion(stats));
  } catch (thrown) {
    signal.throwIfAborted();
    findings.set("access", judgeRefusal(thrown));
  }
}

async function statsOf(queue: Client<typeof QueueService>, signal: AbortSignal): Promise<KnownStats> {
  // The first call pays for the handshake, which would look like uncertainty of the clock.
  await queue.getStats({}, { signal });
  const askedMs = Date.now();
  const response = await queue.getStats({}, { signal });
  return knownStats(response, { askedMs, answeredMs: Date.now() });
}

async function readiness({ config, own }: Caller, signal: AbortSignal): Promise<Finding> {
  const connection = new KeptConnection(new URL(config.server), own.credentials);
  try {
    const answer = await connection.get(
      "/readyz?verbose",
      AbortSignal.any([signal, AbortSignal.timeout(config.timeout)]),
    );
    return judgeReadiness(answer);
  } catch (thrown) {
    signal.throwIfAborted();
    return judgeFailedConnection(thrown);
  } finally {
    connection.close();
  }
}

async function databaseFinding(config: ServeConfig | undefined, io: Io): Promise<Finding> {
  return config === undefined ? skip("the server's settings are not known") : await checkDatabase(config, io);
}
