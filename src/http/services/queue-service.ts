import { type EnqueueDispatchesRequest, QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { type Enqueuer, parseNewDispatches } from "../../dispatch/enqueue.js";
import { DispatchError } from "../../dispatch/errors.js";
import type { Call } from "../call.js";
import { newDispatchFromProto, outcomeToProto, timestampFromInstant } from "../convert.js";
import { type BoundService, bindService } from "../service.js";
import { requireOperator } from "./roles.js";

/** @param enqueuer `undefined` if the server runs without a queue */
export function queueService(enqueuer: Enqueuer | undefined): BoundService {
  return bindService(QueueService, {
    enqueueDispatches: (request, call) => enqueueDispatches(enqueuer, request, call),
  });
}

async function enqueueDispatches(enqueuer: Enqueuer | undefined, request: EnqueueDispatchesRequest, call: Call) {
  requireOperator(call);
  if (enqueuer === undefined) throw new DispatchError("no_queue", "this server runs without a queue (--db none)");
  const dispatches = parseNewDispatches(request.dispatches.map(newDispatchFromProto));
  const { results, enqueuedAt } = await enqueuer.enqueue(dispatches);
  call.note({ dispatches: dispatches.length });
  return {
    results: results.map((result) => ({ ...result, outcome: outcomeToProto[result.outcome] })),
    enqueuedAt: timestampFromInstant(enqueuedAt),
  };
}
