import {
  type EnqueueDispatchesRequest,
  type GetDispatchRequest,
  type ListDispatchesRequest,
  type ListEventsRequest,
  QueueService,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { DispatchKey } from "../../dispatch/dispatch.js";
import { parseNewDispatches } from "../../dispatch/enqueue.js";
import { DispatchError } from "../../dispatch/errors.js";
import { parseHostname } from "../../dispatch/hostname.js";
import type { Queue } from "../../dispatch/queue.js";
import { parseRolloutId } from "../../dispatch/rollout.js";
import type { Call } from "../call.js";
import { newDispatchFromProto, outcomeToProto, timestampFromInstant } from "../convert.js";
import { eventToProto, presenceToProto, recordToProto } from "../convert-history.js";
import { type BoundService, bindService } from "../service.js";
import { dispatchFilter, eventFilter } from "./filters.js";
import { dispatchPages, eventPages } from "./pages.js";
import { requireQueue } from "./require-queue.js";
import { requireOperator } from "./roles.js";

/** @param queue `undefined` if the server runs without one */
export function queueService(queue: Queue | undefined): BoundService {
  const forOperator = (call: Call): Queue => {
    requireOperator(call);
    return requireQueue(queue);
  };
  return bindService(QueueService, {
    enqueueDispatches: (request, call) => enqueueDispatches(forOperator(call), request, call),
    getDispatch: async (request, call) => getDispatch(forOperator(call), request),
    listDispatches: async (request, call) => listDispatches(forOperator(call), request),
    listEvents: async (request, call) => listEvents(forOperator(call), request),
  });
}

async function enqueueDispatches(queue: Queue, request: EnqueueDispatchesRequest, call: Call) {
  const dispatches = parseNewDispatches(request.dispatches.map(newDispatchFromProto));
  const group = { dispatches, supersede: request.supersede, origin: call.origin };
  const { results, enqueuedAt } = await queue.enqueuer.enqueue(group);
  call.note({ dispatches: dispatches.length });
  return {
    results: results.map((result) => ({ ...result, outcome: outcomeToProto[result.outcome] })),
    enqueuedAt: timestampFromInstant(enqueuedAt),
  };
}

/** The timeline of a dispatch that planners re-emit is long; this is what a reader needs of it. */
const maxEventsOfOne = 1_000;

async function getDispatch(queue: Queue, request: GetDispatchRequest) {
  const key: DispatchKey = {
    hostname: parseHostname(request.hostname, "hostname"),
    rolloutId: parseRolloutId(request.rolloutId, "rollout_id"),
  };
  const row = await queue.store.find(key);
  if (row === undefined) {
    throw new DispatchError("unknown_dispatch", `no dispatch ${key.rolloutId} is known for ${key.hostname}`);
  }
  const [events, presence] = await Promise.all([
    queue.store.latestEvents(key, maxEventsOfOne),
    queue.presence(key.hostname),
  ]);
  return { dispatch: recordToProto(row), events: events.map(eventToProto), host: presenceToProto(presence) };
}

async function listDispatches(queue: Queue, request: ListDispatchesRequest) {
  const filter = dispatchFilter(request);
  const page = dispatchPages.parse(request, filter);
  const rows = await queue.store.list(filter, page.after, page.size);
  return { dispatches: rows.map(recordToProto), nextPageToken: dispatchPages.next(page, rows, filter) };
}

async function listEvents(queue: Queue, request: ListEventsRequest) {
  const filter = eventFilter(request);
  const page = eventPages.parse(request, filter);
  const afterId = Math.max(page.after?.id ?? 0, Number(request.afterId));
  const events = await queue.store.listEvents(filter, afterId, page.size);
  return { events: events.map(eventToProto), nextPageToken: eventPages.next(page, events, filter) };
}
