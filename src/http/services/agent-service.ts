import { AgentService, type TakeDispatchRequest } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import type { AgentPolls } from "../../dispatch/agent-polls.js";
import { DispatchError } from "../../dispatch/errors.js";
import type { Hostname } from "../../dispatch/hostname.js";
import type { Log, Random } from "../../dispatch/ports.js";
import { waitMsFor } from "../../dispatch/wait.js";
import type { Call } from "../call.js";
import { dispatchToProto } from "../convert.js";
import { type BoundService, bindService } from "../service.js";
import { requireAgent } from "./roles.js";

export interface AgentServiceOptions {
  /** `undefined` if the server runs without a queue. */
  readonly polls: AgentPolls | undefined;
  readonly random: Random;
  readonly log: Log;
}

export function agentService(options: AgentServiceOptions): BoundService {
  return bindService(AgentService, {
    takeDispatch: (request, call) => takeDispatch(options, request, call),
  });
}

async function takeDispatch({ polls, random, log }: AgentServiceOptions, request: TakeDispatchRequest, call: Call) {
  const machineId = requireAgent(call);
  assertOwnHost(machineId, request.hostname);
  if (polls === undefined) {
    log.warn({ requestId: call.requestId, machineId }, "no queue (--db none): the poll gets an empty answer");
    return {};
  }
  const taken = await polls.poll({
    hostname: machineId,
    waitMs: Math.min(waitMsFor(request.wait, random), call.certificateLeftMs),
    signal: call.signal,
    assertAllowed: () => call.assertAllowed(),
  });
  if (taken === undefined) {
    // The wait may have been cut short because the certificate ended with it.
    call.assertAllowed();
    return {};
  }
  call.onUndelivered(() => polls.giveBack(taken.take));
  call.note({ rolloutId: taken.dispatch.rolloutId, attempt: taken.take.attempt });
  return { dispatch: dispatchToProto(taken.dispatch) };
}

function assertOwnHost(machineId: Hostname, asked: string | undefined): void {
  if (asked === undefined || asked === machineId) return;
  throw new DispatchError("permission_denied", `hostname: must be the caller's own machine id, which is ${machineId}`);
}
