import type { Client } from "@connectrpc/connect";
import type { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Instant, instantFromMs, instantToMs } from "../../dispatch/instant.js";
import { fleetEvent } from "../../words/fleet-event.js";
import { activityMinutes } from "./activity.js";
import type { Fleet } from "./fleet.js";

interface Reading {
  readonly client: Client<typeof QueueService>;
  readonly fleet: Fleet;
  /** The server's clock. */
  readonly now: Instant;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}

const pageSize = 1_000;
/** A planner that enqueues a large fleet anew each minute writes more than a page should read. */
const mostEvents = 60_000;

/** Fills the charts with the last hour, up to the first event that the stream has brought or will bring. */
export async function readActivity({ client, fleet, now, signal, onChange }: Reading): Promise<void> {
  const end = fleet.recent[0]?.id ?? fleet.lastEventId + 1;
  const hourAgo = instantFromMs(instantToMs(now) - activityMinutes * 60_000);
  const first = await firstSince(hourAgo, { client, signal, end });
  let afterId = Math.max(first - 1, end - 1 - mostEvents);
  const isCut = afterId > first - 1;
  let since = hourAgo;
  for (let isFirst = true; afterId < end - 1; isFirst = false) {
    const page = await client.listEvents({ afterId: BigInt(afterId), pageSize }, { signal });
    const events = page.events.map(fleetEvent);
    const [earliest] = events;
    if (isFirst && isCut && earliest !== undefined) since = earliest.at;
    for (const event of events) {
      if (event.id >= end) break;
      fleet.activity.add(event, fleet.find(event.hostname, event.rolloutId)?.enqueuedAt);
    }
    afterId = events.at(-1)?.id ?? end;
    onChange();
  }
  fleet.activity.since = since;
  fleet.version += 1;
  onChange();
}

/** The id of the first event at or after an instant, by halving: ids grow with time. */
async function firstSince(
  instant: Instant,
  { client, signal, end }: Pick<Reading, "client" | "signal"> & { readonly end: number },
): Promise<number> {
  let [low, high] = [1, end];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { events } = await client.listEvents({ afterId: BigInt(middle - 1), pageSize: 1 }, { signal });
    const [found] = events.map(fleetEvent);
    if (found === undefined || found.id >= end || found.at >= instant) high = middle;
    else low = found.id + 1;
  }
  return low;
}
