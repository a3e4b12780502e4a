import { type Client, createClient } from "@connectrpc/connect";
import { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { ClientConfig } from "../../config/settings.js";
import { connect } from "../connect.js";
import type { Own } from "./own-certificate.js";

/** Who calls whom, and with what. */
export interface Caller {
  readonly config: ClientConfig;
  readonly own: Own;
}

/** Runs `work` with a connection of its own. */
export async function withQueue<T>(
  { config }: Caller,
  work: (queue: Client<typeof QueueService>) => Promise<T>,
): Promise<T> {
  const connection = await connect(config);
  try {
    return await work(createClient(QueueService, connection.transport));
  } finally {
    connection.close();
  }
}
