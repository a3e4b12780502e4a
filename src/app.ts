import { randomBytes } from "node:crypto";
import { parseNewDispatches, type RawInstant } from "./dispatch/enqueue.js";
import { instantFromMicros } from "./dispatch/instant.js";
import { leaseTokenFrom } from "./dispatch/lease.js";
import { byServer } from "./dispatch/origin.js";
import type { Cancel, Clock, EnqueueReceipt, FailPoint, Log, Random } from "./dispatch/ports.js";
import { Queue } from "./dispatch/queue.js";
import { AdminListener } from "./http/admin.js";
import { createBinding } from "./http/binding/binding.js";
import { watchExpiry } from "./http/expiry-watch.js";
import { Front } from "./http/front.js";
import { grpcHealthHandlers } from "./http/grpc-health.js";
import { Readiness } from "./http/health.js";
import { limits } from "./http/limits.js";
import { Listener } from "./http/listener.js";
import type { TlsTexts } from "./http/pem.js";
import { RequestLog } from "./http/request-log.js";
import { rpcHandlers } from "./http/rpc.js";
import type { BoundService } from "./http/service.js";
import { agentService } from "./http/services/agent-service.js";
import { queueService } from "./http/services/queue-service.js";
import { Reports } from "./http/services/reports.js";
import { trustService } from "./http/services/trust-service.js";
import { type IdentityPolicy, isHeld } from "./identity/identity.js";
import { operatorMatcher } from "./identity/operator-pattern.js";
import { RevocationFile } from "./identity/revocation-file.js";
import { RevocationList } from "./identity/revocation-list.js";
import { SqliteStore } from "./store/sqlite/store.js";
import { bootId, systemClock } from "./telemetry/clock.js";
import { programVersion } from "./telemetry/version.js";

export interface ServerOptions {
  /** Port 0 lets the system choose. */
  readonly listen: Address;
  readonly adminListen: Address | "none";
  readonly tls: TlsTexts;
  readonly db: { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "none" };
  readonly agentCnSuffix: string;
  /** Exact, or with one `*`. Not looked at where `tls.operatorCa` is set. */
  readonly operatorCn: readonly string[];
  /** Path of a JSON file that is followed as it changes. */
  readonly revocations: string | undefined;
  /** Whether a plain take counts as delivered at once, or once its receipt is proven. Default: `once`. */
  readonly delivery?: "once" | "confirmed";
  /** With `confirmed`: how long a dispatch is hidden while its receipt is not proven. Default: 30,000. */
  readonly confirmWithinMs?: number;
  /** How long history, and dispatches that are done, are kept. Default: 30 days. */
  readonly retainMs?: number;
  /** How many parked polls one host may have. */
  readonly pollsPerHost: number;
  readonly sweepMs: number;
  /** How long answers in flight may take after `close`. */
  readonly drainTimeoutMs: number;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: `Math.random`. */
  readonly random?: Random;
  /** Default: does nothing. */
  readonly failPoint?: FailPoint;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A dispatch as a planner gives it; the rules for each field are those of the schema's `NewDispatch`. */
export interface PlannedDispatch {
  readonly hostname: string;
  readonly rolloutId: string;
  readonly targetClosure: string;
  readonly soakDueAt: Date;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Default: 10. */
  readonly maxAttempts?: number;
}

export interface PlanOptions {
  /** Whether each takes the place of the older ones of its host and channel that wait. Default: false. */
  readonly supersede?: boolean;
}

export interface RunningServer {
  readonly port: number;
  /** `undefined` with `adminListen: "none"`. */
  readonly adminPort: number | undefined;
  /**
   * For a planner in the same process: what `QueueService.EnqueueDispatches` does, without the way over the network.
   * `undefined` with `db: none`.
   *
   * @throws DispatchError `invalid_argument` naming the field, `draining`, or the store's error; nothing is enqueued then
   */
  readonly enqueue:
    | ((dispatches: readonly PlannedDispatch[], options?: PlanOptions) => Promise<EnqueueReceipt>)
    | undefined;
  /**
   * Reads the revocations again and, with `tls`, serves new connections with that from now on. Connections whose
   * certificates do not hold any more are cut, the others go on.
   *
   * @throws Error if OpenSSL does not take the new certificates; the old ones stay in force then
   */
  reload(tls?: TlsTexts): void;
  /** Readiness off, no new connections, every parked poll answered with 503, answers in flight out, store closed. */
  close(): Promise<void>;
}

/** An address that cannot be listened on, and which of the two it is. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  constructor(
    readonly option: "listen" | "adminListen",
    readonly address: Address,
    /** Of the system, such as `EADDRINUSE`. */
    override readonly cause: unknown,
  ) {
    super(`${address.host}:${address.port} cannot be listened on`);
  }
}

/**
 * The only wiring: makes every part, joins them, listens.
 *
 * @throws StoreOpenError, ListenError, or Error for a bad file. Nothing is left open then.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const parts = await createParts(options);
  try {
    const { adminListen } = options;
    const adminPort = adminListen === "none" ? undefined : await listen(parts.admin, "adminListen", adminListen);
    const { queue } = parts;
    const port = await listen(parts.listener, "listen", options.listen);
    return {
      port,
      adminPort,
      enqueue: queue && ((dispatches, options) => enqueue(queue, dispatches, options)),
      reload: (tls) => reload(parts, tls),
      close: () => drainAndClose(parts, options),
    };
  } catch (error) {
    await close(parts);
    throw error;
  }
}

async function listen(
  listener: Listener | AdminListener,
  option: ListenError["option"],
  address: Address,
): Promise<number> {
  try {
    return await listener.listen(address.host, address.port);
  } catch (error) {
    throw new ListenError(option, address, error);
  }
}

function enqueue(
  { enqueuer }: Queue,
  planned: readonly PlannedDispatch[],
  { supersede = false }: PlanOptions = {},
): Promise<EnqueueReceipt> {
  const raws = planned.map((dispatch) => ({
    ...dispatch,
    soakDueAt: rawInstant(dispatch.soakDueAt),
    notBefore: rawInstant(dispatch.notBefore),
    notAfter: rawInstant(dispatch.notAfter),
  }));
  return enqueuer.enqueue({ dispatches: parseNewDispatches(raws), supersede, origin: byServer });
}

function rawInstant(date: Date | undefined): RawInstant {
  return date === undefined ? undefined : (instantFromMicros(date.getTime() * 1_000) ?? "out of range");
}

interface Parts {
  readonly clock: Clock;
  /** `undefined` with `db: none`. */
  readonly queue: Queue | undefined;
  readonly revocations: RevocationList;
  readonly cutRefused: () => void;
  readonly stopExpiry: Cancel;
  readonly readiness: Readiness;
  readonly front: Front;
  readonly listener: Listener;
  readonly admin: AdminListener;
}

async function createParts(options: ServerOptions): Promise<Parts> {
  const { clock = systemClock, random = Math.random, log } = options;
  const file = options.revocations === undefined ? undefined : new RevocationFile(options.revocations, log);
  let store: SqliteStore | undefined;
  try {
    store = openStore(options, clock);
    const revocations = await RevocationList.open({ file, store: store?.revocations });
    const queue = store && createQueue(options, { store, clock, random });
    return joinParts(options, { clock, random, revocations, store, queue });
  } catch (error) {
    await store?.close();
    file?.close();
    throw error;
  }
}

interface FirstParts extends Pick<Parts, "clock" | "revocations" | "queue"> {
  readonly random: Random;
  readonly store: SqliteStore | undefined;
}

function joinParts(options: ServerOptions, parts: FirstParts): Parts {
  const { log } = options;
  const { clock, revocations, queue } = parts;
  const policy = createPolicy(options, revocations);
  const readiness = new Readiness({ checkStore: async () => queue?.check(), clock });
  const services = createServices(parts, log);
  const front = new Front({
    binding: createBinding(services, { maxBodyBytes: limits.maxBodyBytes }),
    rpcs: rpcHandlers(services, { maxBodyBytes: limits.maxBodyBytes }),
    probes: grpcHealthHandlers({ health: readiness, services: services.map(({ service }) => service.typeName), clock }),
    policy,
    clock,
    health: readiness,
    requestLog: new RequestLog(log, clock),
  });
  const listener = new Listener({
    tls: options.tls,
    log,
    onRequest: (request, response) => front.serve(request, response, listener.connections),
  });
  const cutRefused = () => cutRefusedNow(listener, policy, clock, log);
  revocations.onChange(cutRefused);
  const stopExpiry = watchExpiry(listener.connections, clock, (connections) => {
    log.info({ connections }, "connections cut: their certificates have expired");
  });
  return {
    stopExpiry,
    clock,
    queue,
    revocations,
    cutRefused,
    readiness,
    front,
    listener,
    admin: new AdminListener(readiness),
  };
}

function createServices({ clock, random, store, queue, revocations }: FirstParts, log: Log): readonly BoundService[] {
  const reports = new Reports({ store, clock, version: programVersion() });
  return [
    agentService({ queue, random, log }),
    queueService({ queue, reports, log }),
    trustService({ revocations, store: store?.revocations, clock, log }),
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

function openStore({ db }: ServerOptions, clock: Clock): SqliteStore | undefined {
  if (db.kind === "none") return undefined;
  const bootClock = { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), bootId: bootId() };
  return SqliteStore.open(db.path, { clock: bootClock, newToken: () => leaseTokenFrom(randomBytes(16)) });
}

function createQueue(options: ServerOptions, own: { store: SqliteStore; clock: Clock; random: Random }): Queue {
  const { delivery = "once", confirmWithinMs = 30_000, retainMs = thirtyDaysMs } = options;
  return new Queue({
    ...options,
    ...own,
    failPoint: options.failPoint ?? (() => undefined),
    plainTerms: delivery === "confirmed" ? { kind: "confirmed", withinMs: confirmWithinMs } : { kind: "once" },
    retainMs,
  });
}

const thirtyDaysMs = 30 * 24 * 60 * 60 * 1_000;

function reload({ revocations, listener, cutRefused }: Parts, tls: TlsTexts | undefined): void {
  if (tls !== undefined) {
    listener.replaceTls(tls);
    cutRefused();
  }
  revocations.reload();
}

/** A parked poll must not outlive its host's revocation, nor an idle connection its certificate. */
function cutRefusedNow(listener: Listener, policy: IdentityPolicy, clock: Clock, log: Log): void {
  const connections = listener.connections.destroyIf((cert) => !isHeld(cert, policy, clock.nowMs()));
  if (connections > 0) log.warn({ connections }, "connections cut: their certificates do not hold any more");
}

async function drainAndClose(parts: Parts, { drainTimeoutMs, log }: ServerOptions): Promise<void> {
  parts.readiness.drain();
  parts.front.drain();
  const gone = parts.listener.drain();
  parts.queue?.drain();
  const cancel = parts.clock.after(drainTimeoutMs, () => {
    const { connections } = parts.listener;
    log.warn({ connections: connections.size }, "drain timeout: the connections that are left are cut");
    connections.destroyAll();
  });
  await gone;
  cancel();
  await close(parts);
}

async function close({ queue, revocations, admin, listener, stopExpiry }: Parts): Promise<void> {
  stopExpiry();
  await listener.drain();
  await queue?.close();
  revocations.close();
  await admin.close();
}
