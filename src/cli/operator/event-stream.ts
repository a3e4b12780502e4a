import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { Event } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { retryDelayMs } from "../../agent/back-off.js";
import type { Connection } from "../connect.js";
import { exitNameOf } from "../exit.js";

export interface WatchRequest {
  readonly hostname?: string;
  readonly rolloutId?: string;
  /** `undefined`: only what happens from now on. */
  readonly afterId: bigint | undefined;
}

export interface EventStreamOptions {
  /** Made anew after each break, so that replaced certificates are read. */
  readonly connect: () => Promise<Connection>;
  readonly request: WatchRequest;
  /** How long the first answer of a connection may take; later ones come when something happens. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly random: () => number;
  /** The stream broke and is taken up again after so long, behind that event. */
  readonly onBreak: (cause: unknown, delayMs: number, afterId: bigint) => void;
  /** It is there again. */
  readonly onResume: () => void;
}

const backOff = { baseMs: 1_000, capMs: 30_000 } as const;

/**
 * Events as they happen, in portions, for ever: none is skipped and none comes twice, also across breaks.
 *
 * @throws what the first connection fails with; later, only what trying again cannot mend; the signal's reason
 */
export async function* eventStream(options: EventStreamOptions): AsyncGenerator<readonly Event[]> {
  const { signal, random, request } = options;
  let afterId = request.afterId;
  let failures: number | undefined;
  for (;;) {
    let broke: unknown = new Error("the server ended the stream");
    try {
      for await (const { events, lastId } of answers(options, afterId)) {
        if (failures !== undefined && failures > 0) options.onResume();
        failures = 0;
        if (events.length > 0) yield events;
        afterId = lastId;
      }
    } catch (thrown) {
      signal.throwIfAborted();
      broke = thrown;
    }
    // Who has never got an answer has probably mistyped something.
    if (failures === undefined || afterId === undefined || isFinal(broke)) throw broke;
    const delayMs = retryDelayMs(backOff, failures, random);
    failures += 1;
    options.onBreak(broke, delayMs, afterId);
    await sleep(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** What one connection brings. */
async function* answers({ connect, request, timeoutMs, signal }: EventStreamOptions, afterId: bigint | undefined) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), timeoutMs);
  const connection = await connect();
  try {
    const client = createClient(QueueService, connection.transport);
    const { hostname = "", rolloutId = "" } = request;
    const stream = client.watchEvents(
      { hostname, rolloutId, ...(afterId === undefined ? {} : { afterId }) },
      // No timeout of the call: the stream is to last.
      { signal: AbortSignal.any([signal, patience.signal]), timeoutMs: 0 },
    );
    for await (const answer of stream) {
      clearTimeout(timer);
      yield answer;
    }
  } catch (thrown) {
    if (!patience.signal.aborted || signal.aborted) throw thrown;
    throw new ConnectError(`no answer within ${timeoutMs / 1_000} s`, Code.DeadlineExceeded);
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

const finalCodes: ReadonlySet<Code> = new Set([Code.FailedPrecondition, Code.Unimplemented]);

/** Whether trying again would end the same way. */
function isFinal(thrown: unknown): boolean {
  if (thrown instanceof ConnectError && finalCodes.has(thrown.code)) return true;
  return ["usage", "denied", "not_found"].includes(exitNameOf(thrown));
}
