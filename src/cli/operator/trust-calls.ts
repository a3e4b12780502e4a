import { type Client, createClient } from "@connectrpc/connect";
import type { Command } from "commander";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { TrustService } from "../../../gen/nixfleet/dispatch/v1/trust_service_pb.js";
import { connect } from "../connect.js";
import { ServerClock } from "../history/server-clock.js";
import { interruptible } from "../interrupt.js";
import type { Io } from "../io.js";
import { clientConfig } from "../options.js";
import { pageSize, pagesOf } from "./pages.js";
import { type KnownRevocation, knownRevocation } from "./revocation.js";

/** The calls about who is trusted, as long as the command runs. */
export interface TrustCalls {
  readonly trust: Client<typeof TrustService>;
  readonly queue: Client<typeof QueueService>;
  readonly signal: AbortSignal;
  readonly clock: ServerClock;
}

/** Runs `work` with a connection to the configured server; SIGINT and SIGTERM end its calls. */
export async function withTrust<T>(command: Command, io: Io, work: (calls: TrustCalls) => Promise<T>): Promise<T> {
  const connection = await connect(clientConfig(command, io));
  try {
    const trust = createClient(TrustService, connection.transport);
    const queue = createClient(QueueService, connection.transport);
    return await interruptible(io, async (signal) => {
      try {
        return await work({ trust, queue, signal, clock: new ServerClock() });
      } catch (thrown) {
        throw signal.aborted ? signal.reason : thrown;
      }
    });
  } finally {
    connection.close();
  }
}

/** All there are, in the order of the names. */
export async function listRevocations({ trust, signal, clock }: TrustCalls): Promise<KnownRevocation[]> {
  const found: KnownRevocation[] = [];
  const pages = pagesOf((pageToken) =>
    trust.listRevocations({ pageSize, pageToken }, { signal, onHeader: clock.onHeader }),
  );
  for await (const { revocations } of pages) found.push(...revocations.map(knownRevocation));
  return found;
}
