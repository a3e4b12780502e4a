import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type AckDispatchRequest,
  AgentService,
  type ExtendLeaseRequest,
  type RejectDispatchRequest,
  type TakeDispatchRequest,
  type TakeDispatchResponseSchema,
} from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { Taken } from "../../dispatch/dispatch.js";
import { DispatchError, invalid } from "../../dispatch/errors.js";
import type { Hostname } from "../../dispatch/hostname.js";
import { parseLeaseMs, parseLeaseToken, parseReason, type TakeTerms } from "../../dispatch/lease.js";
import type { AgentStep } from "../../dispatch/life.js";
import type { Log, Random } from "../../dispatch/ports.js";
import type { Queue } from "../../dispatch/queue.js";
import { parseRolloutId } from "../../dispatch/rollout.js";
import { waitMsFor } from "../../dispatch/wait.js";
import type { Call } from "../call.js";
import { leaseToProto, takenToProto } from "../convert.js";
import { type BoundService, bindService } from "../service.js";
import { requireQueue } from "./require-queue.js";
import { requireAgent } from "./roles.js";

export interface AgentServiceOptions {
  /** `undefined` if the server runs without a queue. */
  readonly queue: Queue | undefined;
  readonly random: Random;
  readonly log: Log;
}

export function agentService(options: AgentServiceOptions): BoundService {
  const { queue } = options;
  return bindService(AgentService, {
    takeDispatch: (request, call) => takeDispatch(options, request, call),
    ackDispatch: (request, call) => ackDispatch(queue, request, call),
    rejectDispatch: (request, call) => rejectDispatch(queue, request, call),
    extendLease: (request, call) => extendLease(queue, request, call),
  });
}

/** Without `await`: what an async function keeps while it waits would be kept for each host of the fleet. */
function takeDispatch(
  { queue, random, log }: AgentServiceOptions,
  request: TakeDispatchRequest,
  call: Call,
): PromiseLike<MessageInitShape<typeof TakeDispatchResponseSchema>> {
  const hostname = requireAgent(call);
  assertOwnHost(hostname, request.hostname);
  const leased = leaseTerms(request);
  if (queue === undefined) {
    log.warn({ requestId: call.requestId, machineId: hostname }, "no queue (--db none): the poll gets an empty answer");
    return Promise.resolve({});
  }
  noteSeen(queue, hostname, call);
  const terms = leased ?? queue.plainTerms;
  const waitMs = Math.min(waitMsFor(request.wait, random), call.certificateLeftMs);
  return queue.polls.poll({ hostname, waitMs, terms, caller: call }).then((taken) => {
    if (taken !== undefined) return handOver(queue, taken, terms, call);
    // The wait may have been cut short because the certificate ended with it.
    call.assertAllowed();
    return {};
  });
}

function handOver(queue: Queue, taken: Taken, terms: TakeTerms, call: Call) {
  call.follow(queue.delivery(taken, terms, call.origin));
  call.note({ rolloutId: taken.dispatch.rolloutId, attempt: taken.take.attempt });
  return takenToProto(taken);
}

async function ackDispatch(queue: Queue | undefined, request: AckDispatchRequest, call: Call) {
  const step = agentStep(request, call);
  await requireQueue(queue).steps.apply({ kind: "acknowledge", ...step });
  return {};
}

async function rejectDispatch(queue: Queue | undefined, request: RejectDispatchRequest, call: Call) {
  const step = agentStep(request, call);
  const reason = parseReason(request.reason, "reason");
  await requireQueue(queue).steps.apply({ kind: "reject", ...step, reason });
  return {};
}

async function extendLease(queue: Queue | undefined, request: ExtendLeaseRequest, call: Call) {
  const step = agentStep(request, call);
  const { token } = step;
  if (token === undefined) throw invalid("lease_token", "is required");
  const leaseMs = parseLeaseMs(request.leaseSeconds, "lease_seconds");
  const row = await requireQueue(queue).steps.apply({ kind: "extend", ...step, token, leaseMs });
  if (row === undefined || row.leaseExpiresAt === null) throw new Error("a lease was extended and is none");
  return { lease: leaseToProto({ token, expiresAt: row.leaseExpiresAt, attempt: row.attempt }) };
}

/** What every call about a dispatch that was taken says of it. The host is the caller's own, always. */
function agentStep({ rolloutId, leaseToken }: { rolloutId: string; leaseToken: string }, call: Call): AgentStep {
  const hostname = requireAgent(call);
  call.note({ rolloutId });
  return {
    hostname,
    rolloutId: parseRolloutId(rolloutId, "rollout_id"),
    token: parseLeaseToken(leaseToken, "lease_token"),
    origin: call.origin,
  };
}

function leaseTerms({ leaseSeconds }: TakeDispatchRequest): TakeTerms | undefined {
  if (leaseSeconds === undefined) return undefined;
  return { kind: "lease", leaseMs: parseLeaseMs(leaseSeconds, "lease_seconds") };
}

function noteSeen(queue: Queue, hostname: Hostname, { origin, wire, userAgent, certificateNotAfter }: Call): void {
  queue.seen({ hostname, address: origin.address, wire, agentVersion: userAgent, certificateNotAfter });
}

function assertOwnHost(machineId: Hostname, asked: string | undefined): void {
  if (asked === undefined || asked === machineId) return;
  throw new DispatchError("permission_denied", `hostname: must be the caller's own machine id, which is ${machineId}`);
}
