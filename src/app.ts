import { randomBytes } from "node:crypto";
import { parseNewDispatches, type RawInstant } from "./dispatch/enqueue.js";
import { instantFromMicros } from "./dispatch/instant.js";
import { leaseTokenFrom } from "./dispatch/lease.js";
import { byServer } from "./dispatch/origin.js";
import type { Clock, EnqueueReceipt, FailPoint, Log, Random } from "./dispatch/ports.js";
import { Queue } from "./dispatch/queue.js";
import { AdminListener } from "./http/admin.js";
import { createBinding } from "./http/binding/binding.js";
import { Front } from "./http/front.js";
import { Readiness } from "./http/health.js";
import { limits } from "./http/limits.js";
import { Listener } from "./http/listener.js";
import type { TlsTexts } from "./http/pem.js";
import { RequestLog } from "./http/request-log.js";
import { rpcHandlers } from "./http/rpc.js";
import { agentService } from "./http/services/agent-service.js";
import { queueService } from "./http/services/queue-service.js";
import { type IdentityPolicy, isHeld } from "./identity/identity.js";
import { operatorMatcher } from "./identity/operator-pattern.js";
import { RevocationFile } from "./identity/revocation-file.js";
import { SqliteStore } from "./store/sqlite/store.js";
import { bootId, systemClock } from "./telemetry/clock.js";

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
  /** Reads again what is followed while running: the revocations. */
  reload(): void;
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
      reload: () => parts.revocations?.reload(),
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
  readonly revocations: RevocationFile | undefined;
  readonly readiness: Readiness;
  readonly front: Front;
  readonly listener: Listener;
  readonly admin: AdminListener;
}

async function createParts(options: ServerOptions): Promise<Parts> {
  const { clock = systemClock, random = Math.random, log } = options;
  const revocations = options.revocations === undefined ? undefined : new RevocationFile(options.revocations, log);
  let queue: Queue | undefined;
  try {
    queue = openQueue(options, clock, random);
    return joinParts(options, { clock, random, revocations, queue });
  } catch (error) {
    await queue?.close();
    revocations?.close();
    throw error;
  }
}

interface FirstParts extends Pick<Parts, "clock" | "revocations" | "queue"> {
  readonly random: Random;
}

function joinParts(options: ServerOptions, { clock, random, revocations, queue }: FirstParts): Parts {
  const { log } = options;
  const policy = createPolicy(options, revocations);
  const readiness = new Readiness(async () => queue?.check());
  const services = [agentService({ queue, random, log }), queueService(queue)];
  const front = new Front({
    binding: createBinding(services, { maxBodyBytes: limits.maxBodyBytes }),
    rpcs: rpcHandlers(services, { maxBodyBytes: limits.maxBodyBytes }),
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
  revocations?.onChange(() => cutRefused(listener, policy, clock, log));
  return { clock, queue, revocations, readiness, front, listener, admin: new AdminListener(readiness) };
}

function createPolicy(options: ServerOptions, revocations: RevocationFile | undefined): IdentityPolicy {
  return {
    agentCnSuffix: options.agentCnSuffix,
    isOperatorCn: operatorMatcher(options.operatorCn),
    hasOperatorCa: options.tls.operatorCa !== undefined,
    revokedBeforeMs: (subject) => revocations?.revokedBeforeMs(subject),
  };
}

function openQueue({ db, ...options }: ServerOptions, clock: Clock, random: Random): Queue | undefined {
  if (db.kind === "none") return undefined;
  const { delivery = "once", confirmWithinMs = 30_000, retainMs = thirtyDaysMs } = options;
  const bootClock = { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), bootId: bootId() };
  const newToken = () => leaseTokenFrom(randomBytes(16));
  return new Queue({
    ...options,
    store: SqliteStore.open(db.path, { clock: bootClock, newToken }),
    clock,
    random,
    failPoint: options.failPoint ?? (() => undefined),
    plainTerms: delivery === "confirmed" ? { kind: "confirmed", withinMs: confirmWithinMs } : { kind: "once" },
    retainMs,
  });
}

const thirtyDaysMs = 30 * 24 * 60 * 60 * 1_000;

/** A parked poll must not outlive its host's revocation. */
function cutRefused(listener: Listener, policy: IdentityPolicy, clock: Clock, log: Log): void {
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

async function close({ queue, revocations, admin, listener }: Parts): Promise<void> {
  await listener.drain();
  await queue?.close();
  revocations?.close();
  await admin.close();
}
