import type { Address, PlannedDispatch, PlanOptions, RunningServer, ServerOptions } from "./app/options.js";
import { createParts, type Parts } from "./app/parts.js";
import { parseNewDispatches, type RawInstant } from "./dispatch/enqueue.js";
import { instantFromMicros } from "./dispatch/instant.js";
import { byServer } from "./dispatch/origin.js";
import type { EnqueueReceipt } from "./dispatch/ports.js";
import type { Queue } from "./dispatch/queue.js";
import type { AdminListener } from "./http/admin.js";
import type { Listener } from "./http/listener.js";
import type { TlsTexts } from "./http/pem.js";

export type {
  Address,
  PlannedDispatch,
  PlanOptions,
  PostgresTarget,
  RunningServer,
  ServerOptions,
} from "./app/options.js";

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

function reload({ revocations, listener, cutRefused }: Parts, tls: TlsTexts | undefined): void {
  if (tls !== undefined) {
    listener.replaceTls(tls);
    cutRefused();
  }
  revocations.reload();
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

async function close({ queue, revocations, admin, listener, stopExpiry, stopFollowing }: Parts): Promise<void> {
  stopExpiry();
  stopFollowing();
  await listener.drain();
  await queue?.close();
  revocations.close();
  await admin.close();
}
