import {
  type CancelDispatchesRequest,
  CancelOutcome,
  type EnqueueDispatchesRequest,
  type GetDispatchRequest,
  type ListDispatchesRequest,
  type ListEventsRequest,
  QueueService,
  type WatchEventsRequest,
} from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { CancelResult } from "../../dispatch/canceller.js";
import type { DispatchKey } from "../../dispatch/dispatch.js";
import { parseNewDispatches } from "../../dispatch/enqueue.js";
import { DispatchError, invalid } from "../../dispatch/errors.js";
import { parseHostname } from "../../dispatch/hostname.js";
import { parseReason } from "../../dispatch/lease.js";
import type { Log } from "../../dispatch/ports.js";
import type { Queue } from "../../dispatch/queue.js";
import { parseRolloutId } from "../../dispatch/rollout.js";
import type { Call } from "../call.js";
import { enqueueResultToProto, newDispatchFromProto, timestampFromInstant } from "../convert.js";
import { eventToProto, recordToProto, stateToProto } from "../convert-history.js";
import { type BoundService, bindService } from "../service.js";
import { audit } from "./audit.js";
import { dispatchFilter, eventFilter } from "./filters.js";
import { dispatchPages, eventPages } from "./pages.js";
import type { Reports } from "./reports.js";
import { requireQueue } from "./require-queue.js";
import { requireOperator } from "./roles.js";

export interface QueueServiceOptions {
  /** `undefined` if the server runs without one. */
  readonly queue: Queue | undefined;
  readonly reports: Reports;
  readonly log: Log;
}

export function queueService({ queue, reports, log }: QueueServiceOptions): BoundService {
  const forOperator = (call: Call): Queue => {
    requireOperator(call);
    return requireQueue(queue);
  };
  return bindService(QueueService, {
    enqueueDispatches: (request, call) => enqueueDispatches(forOperator(call), request, call, log),
    getDispatch: async (request, call) => getDispatch(forOperator(call), reports, request),
    listDispatches: async (request, call) => listDispatches(forOperator(call), request),
    cancelDispatches: (request, call) => cancelDispatches(forOperator(call), request, call, log),
    listHosts: async (request, call) => reports.listHosts(forOperator(call), request),
    getStats: async (_, call) => reports.stats(forOperator(call)),
    listEvents: async (request, call) => listEvents(forOperator(call), request),
    watchEvents: (request, call) => watchEvents(forOperator(call), reports, request, call),
  });
}

async function enqueueDispatches(queue: Queue, request: EnqueueDispatchesRequest, call: Call, log: Log) {
  const dispatches = parseNewDispatches(request.dispatches.map(newDispatchFromProto));
  const group = { dispatches, supersede: request.supersede, origin: call.origin };
  const { results, enqueuedAt } = await queue.enqueuer.enqueue(group);
  call.note({ dispatches: dispatches.length });
  audit(log, call, "enqueue", { dispatches: dispatches.length, supersede: request.supersede });
  return {
    results: results.map(enqueueResultToProto),
    enqueuedAt: timestampFromInstant(enqueuedAt),
  };
}

/** The timeline of a dispatch that planners re-emit is long; this is what a reader needs of it. */
const maxEventsOfOne = 1_000;

async function getDispatch(queue: Queue, reports: Reports, request: GetDispatchRequest) {
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
  return { dispatch: recordToProto(row), events: events.map(eventToProto), host: reports.presence(presence) };
}

async function listDispatches(queue: Queue, request: ListDispatchesRequest) {
  const filter = dispatchFilter(request);
  const page = dispatchPages.parse(request, filter);
  const rows = await queue.store.list(filter, page.after, page.size);
  return { dispatches: rows.map(recordToProto), nextPageToken: dispatchPages.next(page, rows, filter) };
}

async function cancelDispatches(queue: Queue, request: CancelDispatchesRequest, call: Call, log: Log) {
  const { dryRun } = request;
  const filter = eventFilter(request);
  if (filter.hostname === undefined && filter.rolloutId === undefined) {
    throw invalid("hostname", "is required, or rollout_id");
  }
  const reason = parseReason(request.reason, "reason");
  const results = await queue.canceller.cancel({ filter, origin: call.origin, reason, dryRun });
  const cancelled = results.filter(({ outcome }) => outcome === "cancelled").length;
  if (!dryRun) audit(log, call, "cancel", { ...filter, reason, cancelled, tooLate: results.length - cancelled });
  return {
    results: results.map(({ outcome, state, ...key }) => ({
      ...key,
      outcome: cancelOutcomeToProto[outcome],
      state: stateToProto[state],
    })),
  };
}

async function listEvents(queue: Queue, request: ListEventsRequest) {
  const filter = eventFilter(request);
  const page = eventPages.parse(request, filter);
  const afterId = Math.max(page.after?.id ?? 0, Number(request.afterId));
  const events = await queue.store.listEvents(filter, afterId, page.size);
  return { events: events.map(eventToProto), nextPageToken: eventPages.next(page, events, filter) };
}

async function* watchEvents(queue: Queue, reports: Reports, request: WatchEventsRequest, call: Call) {
  const filter = eventFilter(request);
  const afterId = request.afterId === undefined ? await reports.lastEventId() : Number(request.afterId);
  for await (const { events, lastId } of queue.events.watch(filter, afterId, call.signal)) {
    // The certificate may have ended, or been revoked, while the history stood still.
    call.assertAllowed();
    yield { events: events.map(eventToProto), lastId: BigInt(lastId) };
  }
}

const cancelOutcomeToProto = {
  cancelled: CancelOutcome.CANCELLED,
  too_late: CancelOutcome.TOO_LATE,
} as const satisfies Record<CancelResult["outcome"], CancelOutcome>;
