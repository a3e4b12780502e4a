import type { Client } from "@connectrpc/connect";
import type { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type FleetEvent, fleetEvent } from "../../words/fleet-event.js";

interface Reading {
  readonly client: Client<typeof QueueService>;
  /** The id of the latest event of all. */
  readonly end: number;
  readonly signal: AbortSignal;
}

const wanted = 200;
const pageSize = 1_000;

/**
 * The latest events of a host, oldest first: at least so many, if there are. The server lists forwards only, so it is asked
 * for a stretch before the end, and for one that is ten times as long while that holds too few.
 */
export async function recentEventsOf(hostname: string, { client, end, signal }: Reading): Promise<FleetEvent[]> {
  for (let stretch = 10_000; ; stretch *= 10) {
    const found: FleetEvent[] = [];
    let pageToken = "";
    do {
      const afterId = BigInt(Math.max(end - stretch, 0));
      const page = await client.listEvents({ hostname, afterId, pageSize, pageToken }, { signal });
      found.push(...page.events.map(fleetEvent));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    if (found.length >= wanted || stretch >= end) return found;
  }
}
