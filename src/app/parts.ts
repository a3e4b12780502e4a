import { hostname } from "node:os";
import { meteredReports } from "../dispatch/metered-store.js";
import type { Cancel, Clock, Log, Random } from "../dispatch/ports.js";
import { Queue, type QueueOptions } from "../dispatch/queue.js";
import type { ReportStore } from "../dispatch/reports.js";
import { AdminListener } from "../http/admin.js";
import { createBinding } from "../http/binding/binding.js";
import { watchExpiry } from "../http/expiry-watch.js";
import { Front } from "../http/front.js";
import { grpcHealthHandlers } from "../http/grpc-health.js";
import { Readiness } from "../http/health.js";
import { limits } from "../http/limits.js";
import { Listener } from "../http/listener.js";
import { RequestLog } from "../http/request-log.js";
import { rpcHandlers } from "../http/rpc.js";
import type { BoundService } from "../http/service.js";
import { agentService } from "../http/services/agent-service.js";
import { queueService } from "../http/services/queue-service.js";
import { Reports } from "../http/services/reports.js";
import { trustService } from "../http/services/trust-service.js";
import { certificateTroubles, handshakeFailures } from "../http/tls-rejection.js";
import { type IdentityPolicy, isHeld, refusals } from "../identity/identity.js";
import { operatorMatcher } from "../identity/operator-pattern.js";
import { RevocationFile } from "../identity/revocation-file.js";
import { RevocationList } from "../identity/revocation-list.js";
import { systemClock } from "../telemetry/clock.js";
import { Metrics } from "../telemetry/metrics.js";
import { programVersion } from "../telemetry/version.js";
import { followRevocations } from "./follow-revocations.js";
import { type OpenedStore, openStore } from "./open-store.js";
import type { ServerOptions } from "./options.js";

/** A server's parts, joined, of which none listens yet. */
export interface Parts {
  readonly clock: Clock;
  /** `undefined` with `db: none`. */
  readonly queue: Queue | undefined;
  readonly revocations: RevocationList;
  readonly cutRefused: () => void;
  readonly stopExpiry: Cancel;
  readonly stopFollowing: Cancel;
  readonly readiness: Readiness;
  readonly front: Front;
  readonly listener: Listener;
  readonly admin: AdminListener;
}

/** @throws StoreOpenError, or Error for a bad file. Nothing is left open then. */
export async function createParts(options: ServerOptions): Promise<Parts> {
  const { clock = systemClock, random = Math.random, log } = options;
  const metrics = createMetrics(clock);
  const file = options.revocations === undefined ? undefined : new RevocationFile(options.revocations, log);
  let opened: OpenedStore | undefined;
  try {
    opened = await openStore(options, { clock, random, onDue: (event) => metrics.queue.changed(event) });
    const revocations = await RevocationList.open({ file, store: opened?.store.revocations });
    const queue = opened && createQueue(options, { ...opened, clock, random, meter: metrics.queue });
    const reports = opened && meteredReports(opened.store, metrics.queue, clock);
    return joinParts(options, { clock, random, revocations, opened, reports, queue, metrics });
  } catch (error) {
    await opened?.store.close();
    file?.close();
    throw error;
  }
}

interface FirstParts extends Pick<Parts, "clock" | "revocations" | "queue"> {
  readonly random: Random;
  readonly opened: OpenedStore | undefined;
  /** What operators read of its store. */
  readonly reports: ReportStore | undefined;
  readonly metrics: Metrics;
}

function joinParts(options: ServerOptions, parts: FirstParts): Parts {
  const { log, tls } = options;
  const { clock, revocations, queue, metrics } = parts;
  const policy = createPolicy(options, revocations);
  const readiness = new Readiness({ checkStore: async () => queue?.check(), clock });
  const front = createFront(options, parts, { policy, readiness });
  const listener = new Listener({
    tls,
    log,
    onRequest: (request, response) => front.serve(request, response),
    direct: front,
    meter: metrics.traffic,
  });
  observe(metrics, listener, parts);
  const cutRefused = () => cutRefusedNow(listener, policy, clock, log);
  revocations.onChange(cutRefused);
  const stopExpiry = watchExpiry(listener.connections, clock, (connections) => {
    log.info({ connections }, "connections cut: their certificates have expired");
  });
  const admin = new AdminListener(readiness, metrics);
  const stopFollowing = follow(parts, log);
  return { stopExpiry, stopFollowing, clock, queue, revocations, cutRefused, readiness, front, listener, admin };
}

function follow({ opened, revocations, clock }: FirstParts, log: Log): Cancel {
  const neighbours = opened?.neighbours;
  return neighbours === undefined ? () => undefined : followRevocations(revocations, neighbours, { clock, log });
}

function createFront(
  { log }: ServerOptions,
  parts: FirstParts,
  { policy, readiness }: { readonly policy: IdentityPolicy; readonly readiness: Readiness },
): Front {
  const { clock, metrics } = parts;
  const services = createServices(parts, log);
  return new Front({
    binding: createBinding(services, { maxBodyBytes: limits.maxBodyBytes }),
    rpcs: rpcHandlers(services, { maxBodyBytes: limits.maxBodyBytes }),
    probes: grpcHealthHandlers({ health: readiness, services: services.map(({ service }) => service.typeName), clock }),
    policy,
    clock,
    health: readiness,
    requestLog: new RequestLog(log, clock),
    meter: metrics.traffic,
  });
}

function createMetrics(clock: Clock): Metrics {
  const tlsRejections = { handshake: handshakeFailures, certificate: certificateTroubles };
  return new Metrics({ version: programVersion(), clock, traffic: { refusals, tlsRejections } });
}

function observe(metrics: Metrics, listener: Listener, { queue, opened, reports }: FirstParts): void {
  metrics.observe({
    queue:
      queue === undefined || opened === undefined || reports === undefined
        ? undefined
        : {
            store: reports,
            parkedPolls: () => queue.polls.size,
            parkedHosts: () => queue.polls.hosts,
            isParked: (hostname) => queue.polls.parked(hostname).polls > 0,
            watchers: () => queue.events.watchers,
            walPath: opened.walPath,
            pool: opened.pool,
          },
    openConnections: () => listener.connections.size,
    certificateNotAfterMs: () => listener.certificateNotAfterMs,
  });
}

function createServices(parts: FirstParts, log: Log): readonly BoundService[] {
  const { clock, random, opened, queue, revocations } = parts;
  const reports = new Reports({
    store: parts.reports,
    clock,
    version: programVersion(),
    revokedBeforeMs: (subject) => revocations.revokedBeforeMs(subject),
  });
  return [
    agentService({ queue, random, log }),
    queueService({ queue, reports, log }),
    trustService({ revocations, store: opened?.store.revocations, clock, log }),
  ];
}

function createPolicy(options: ServerOptions, revocations: RevocationList): IdentityPolicy {
  return {
    agentCnSuffix: options.agentCnSuffix,
    isOperatorCn: operatorMatcher(options.operatorCn),
    hasOperatorCa: options.tls.operatorCa !== undefined,
    revokedBeforeMs: (subject) => revocations.revokedBeforeMs(subject),
  };
}

function createQueue(
  options: ServerOptions,
  own: Pick<QueueOptions, "store" | "neighbours" | "clock" | "random" | "meter">,
): Queue {
  const { delivery = "once", confirmWithinMs = 30_000, retainMs = thirtyDaysMs, serverName = hostname() } = options;
  return new Queue({
    ...options,
    ...own,
    failPoint: options.failPoint ?? (() => undefined),
    plainTerms: delivery === "confirmed" ? { kind: "confirmed", withinMs: confirmWithinMs } : { kind: "once" },
    retainMs,
    serverName,
  });
}

const thirtyDaysMs = 30 * 24 * 60 * 60 * 1_000;

/** A parked poll must not outlive its host's revocation, nor an idle connection its certificate. */
function cutRefusedNow(listener: Listener, policy: IdentityPolicy, clock: Clock, log: Log): void {
  const connections = listener.connections.destroyIf((cert) => !isHeld(cert, policy, clock.nowMs()));
  if (connections > 0) log.warn({ connections }, "connections cut: their certificates do not hold any more");
}
