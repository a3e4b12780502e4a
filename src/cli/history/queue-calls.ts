import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import type { Command } from "commander";
import type { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import {
  type KnownDispatch,
  type KnownEvent,
  type KnownHost,
  knownDispatch,
  knownEvent,
  knownHost,
  strangerNamed,
} from "../../words/record.js";
import { connect } from "../connect.js";
import { interruptible } from "../interrupt.js";
import type { Io } from "../io.js";
import { clientConfig } from "../options.js";
import { ServerClock } from "./server-clock.js";

/** The queue's calls, as long as the command runs. */
export interface QueueCalls {
  readonly client: Client<typeof QueueService>;
  readonly signal: AbortSignal;
  readonly clock: ServerClock;
}

/** Runs `work` with a connection to the configured server; SIGINT and SIGTERM end its calls. */
export async function withQueue<T>(command: Command, io: Io, work: (calls: QueueCalls) => Promise<T>): Promise<T> {
  const connection = await connect(clientConfig(command, io));
  try {
    const client = createClient(QueueService, connection.transport);
    return await interruptible(io, async (signal) => {
      try {
        return await work({ client, signal, clock: new ServerClock() });
      } catch (thrown) {
        throw signal.aborted ? signal.reason : thrown;
      }
    });
  } finally {
    connection.close();
  }
}

/** A dispatch, its history and its host. */
export interface History {
  readonly dispatch: KnownDispatch;
  /** The latest ones. */
  readonly events: readonly KnownEvent[];
  /** Whether there may be older ones. */
  readonly isCut: boolean;
  readonly host: KnownHost | null;
}

/** How many events the server gives with a dispatch. */
export const mostEvents = 1_000;

/** @throws ConnectError `not_found` if nothing is known of the pair */
export async function getHistory(
  { client, signal, clock }: QueueCalls,
  key: { readonly hostname: string; readonly rolloutId: string },
): Promise<History> {
  const { dispatch, events, host } = await client.getDispatch(key, { signal, onHeader: clock.onHeader });
  if (dispatch === undefined) throw new Error("the server's answer is not understood: it has no dispatch");
  return {
    dispatch: knownDispatch(dispatch),
    events: events.map(knownEvent),
    isCut: events.length >= mostEvents,
    host: host === undefined ? null : knownHost(host),
  };
}

/** The dispatches of a host, in any of these states; none means every state. */
export async function listDispatches(
  { client, signal, clock }: QueueCalls,
  hostname: string,
  states: DispatchState[] = [],
): Promise<KnownDispatch[]> {
  const found: KnownDispatch[] = [];
  let pageToken = "";
  do {
    const request = { hostname, states, pageSize: 1_000, pageToken };
    const page = await client.listDispatches(request, { signal, onHeader: clock.onHeader });
    found.push(...page.dispatches.map(knownDispatch));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

/** What is known of a host that may have no dispatch at all; `null` if the server cannot tell. */
export async function findHost({ client, signal }: QueueCalls, hostname: string): Promise<KnownHost | null> {
  try {
    const presence = (await client.listHosts({ hostname }, { signal })).hosts[0]?.presence;
    return presence === undefined ? strangerNamed(hostname) : knownHost(presence);
  } catch (thrown) {
    if (thrown instanceof ConnectError && thrown.code === Code.Unimplemented) return null;
    throw thrown;
  }
}
