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
  /** How many older dispatches it superseded. */
  readonly superseded: number;
  /** RFC 3339, UTC, to the microsecond. */
  readonly enqueued_at: string | undefined;
}

/** `kept`: the same closure is handed out under a lease, which goes on. */
export type Outcome = "created" | "replaced" | "kept";

export interface EnqueueTerms {
  /** Whether each takes the place of the older ones of its host and channel that wait. */
  readonly supersede: boolean;
}

/** One call; all of the dispatches or, on any error, none. Safe to repeat. */
export async function enqueue(
  client: Client<typeof QueueService>,
  dispatches: readonly NewDispatch[],
  { supersede }: EnqueueTerms,
  signal: AbortSignal,
): Promise<Enqueued[]> {
  const response = await client.enqueueDispatches({ dispatches: [...dispatches], supersede }, { signal });
  const enqueuedAt = response.enqueuedAt && toJson(TimestampSchema, response.enqueuedAt);
  return response.results.map(({ hostname, rolloutId, outcome, superseded }) => ({
    hostname,
    rollout_id: rolloutId,
    outcome: outcomeOf[outcome],
    superseded,
    enqueued_at: enqueuedAt,
  }));
}

const outcomeOf = {
  [EnqueueOutcome.UNSPECIFIED]: "created",
  [EnqueueOutcome.CREATED]: "created",
  [EnqueueOutcome.REPLACED]: "replaced",
  [EnqueueOutcome.KEPT]: "kept",
} as const satisfies Record<EnqueueOutcome, Outcome>;
