import { toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import {
  EnqueueOutcome,
  type NewDispatch,
  type QueueService,
} from "../../gen/nixfleet/dispatch/v1/queue_service_pb.js";

/** What became of one dispatch; the names are those of the JSON output. */
export interface Enqueued {
  readonly hostname: string;
  readonly rollout_id: string;
  readonly outcome: Outcome;
  /** RFC 3339, UTC, to the microsecond. */
  readonly enqueued_at: string | undefined;
}

export type Outcome = "created" | "replaced";

/** One call; all of the dispatches or, on any error, none. Safe to repeat. */
export async function enqueue(
  client: Client<typeof QueueService>,
  dispatches: readonly NewDispatch[],
  signal: AbortSignal,
): Promise<Enqueued[]> {
  const response = await client.enqueueDispatches({ dispatches: [...dispatches] }, { signal });
  const enqueuedAt = response.enqueuedAt && toJson(TimestampSchema, response.enqueuedAt);
  return response.results.map(({ hostname, rolloutId, outcome }) => ({
    hostname,
    rollout_id: rolloutId,
    outcome: outcome === EnqueueOutcome.REPLACED ? "replaced" : "created",
    enqueued_at: enqueuedAt,
  }));
}
