import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { formatSpan } from "../../words/elapsed.js";
import type { Credentials } from "../connect.js";
import { messageOf } from "../output.js";
import { type Finding, fail, ok } from "./finding.js";
import { KeptConnection } from "./kept-connection.js";

export interface IdleOptions {
  readonly server: URL;
  readonly credentials: Credentials;
  readonly idleMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What keeps silent connections longer than this does not disturb an agent's poll. */
export const cutAdvice =
  "Find what is between (a load balancer, a proxy, NAT, a firewall), and let it keep silent connections for 75 s or more.";

/**
 * Whether a connection on which nothing is said for so long is still there afterwards, as an agent's has to be that polls.
 * It calls nothing but `/readyz`.
 */
export async function checkIdleConnection({
  server,
  credentials,
  idleMs,
  timeoutMs,
  signal,
}: IdleOptions): Promise<Finding> {
  const connection = new KeptConnection(server, credentials);
  let late = AbortSignal.timeout(timeoutMs);
  const ask = () => connection.get("/readyz", AbortSignal.any([signal, late]));
  const startedMs = performance.now();
  const elapsed = () => formatSpan(performance.now() - startedMs);
  try {
    const { socket } = await ask();
    if (await isClosedWithin(socket, idleMs, signal))
      return fail(`a silent connection was closed after ${elapsed()}`, cutAdvice);
    late = AbortSignal.timeout(timeoutMs);
    const again = await ask();
    if (again.socket !== socket) return fail(`a silent connection was closed after ${elapsed()}`, cutAdvice);
    return ok(`a connection that was silent for ${formatSpan(idleMs)} still carries calls`);
  } catch (thrown) {
    signal.throwIfAborted();
    const why = late.aborted ? "nothing comes back" : messageOf(thrown);
    return fail(`a connection that had been silent did not carry a call after ${elapsed()}: ${why}`, cutAdvice);
  } finally {
    connection.close();
  }
}

async function isClosedWithin(socket: NodeJS.EventEmitter, idleMs: number, signal: AbortSignal): Promise<boolean> {
  const end = new AbortController();
  const either = { signal: AbortSignal.any([signal, end.signal]) };
  try {
    return await Promise.race([once(socket, "close", either).then(() => true), pause(idleMs, false, either)]);
  } finally {
    signal.throwIfAborted();
    end.abort();
  }
}
