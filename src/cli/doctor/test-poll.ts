import { Agent } from "node:https";
import type { Client } from "@connectrpc/connect";
import { DispatchState } from "../../../gen/nixfleet/dispatch/v1/dispatch_pb.js";
import type { QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import { AgentError } from "../../agent/index.js";
import { plainCall } from "../../agent/plain-call.js";
import { takePath } from "../../agent/plain-paths.js";
import { formatSpan } from "../../words/elapsed.js";
import type { Credentials } from "../connect.js";
import { messageOf } from "../output.js";
import { type Finding, fail, ok, skip, warn } from "./finding.js";
import { cutAdvice } from "./idle-connection.js";

export interface TestPollOptions {
  readonly server: URL;
  /** An agent's. */
  readonly credentials: Credentials;
  /** Whom they stand for. */
  readonly hostname: string;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

export const ownMachineAdvice =
  "Let the poll be that of a machine that nothing is dispatched to: nixfleet-dispatch pki agent doctor (or your CA), --agent-cert, --agent-key.";

/**
 * Why a poll for this host would get in somebody's way: it would take what waits for its agent, or come before the poll that
 * its agent has parked. `undefined` if it would not.
 */
export async function whyNotToPoll(
  queue: Client<typeof QueueService>,
  hostname: string,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const { hosts } = await queue.listHosts({ hostname }, { signal });
  const parked = hosts[0]?.presence?.parkedPolls ?? 0;
  if (parked > 0)
    return skip(`the agent of ${hostname} polls now, and a second poll would come before it`, ownMachineAdvice);
  const states = [DispatchState.PENDING, DispatchState.LEASED];
  const { dispatches } = await queue.listDispatches({ hostname, states, pageSize: 1 }, { signal });
  if (dispatches.length === 0) return undefined;
  return skip(`something waits for ${hostname}, and a poll would take it`, ownMachineAdvice);
}

/**
 * What is enqueued for the host while the test poll is parked comes here. It is not acted on: when its lease has run out, it
 * is handed out again.
 */
const leaseSeconds = 5;

/** How much longer than the poll an answer may take: agents in the field wait 65 s for one of 60 s. */
const graceMs = 5_000;

/** One poll as agents make it, held as long as they hold it. */
export async function checkPoll(options: TestPollOptions): Promise<Finding> {
  const { credentials, signal, pollMs, hostname } = options;
  const agent = new Agent(credentials);
  const late = AbortSignal.timeout(pollMs + graceMs);
  const startedMs = performance.now();
  try {
    const call = { url: pollUrl(options), agent, signal: AbortSignal.any([signal, late]), now: Date.now };
    const body = await plainCall(call);
    return judgeAnswer(body, performance.now() - startedMs, options);
  } catch (thrown) {
    signal.throwIfAborted();
    if (late.aborted)
      return fail(`the poll of ${hostname} had no answer after ${formatSpan(pollMs + graceMs)}`, cutAdvice);
    return judgeFailure(thrown, performance.now() - startedMs, options);
  } finally {
    agent.destroy();
  }
}

function pollUrl({ server, hostname, pollMs }: TestPollOptions): URL {
  const url = new URL(takePath, server);
  const wait = String(Math.ceil(pollMs / 1_000));
  url.search = new URLSearchParams({ wait, hostname, lease_seconds: String(leaseSeconds) }).toString();
  return url;
}

function judgeAnswer(body: string, tookMs: number, { hostname, pollMs }: TestPollOptions): Finding {
  const took = formatSpan(tookMs);
  if (body.trim() !== "") {
    return warn(
      `a dispatch for ${hostname} came after ${took}, and went to the test poll`,
      `Its agent gets it once the lease has run out, in ${leaseSeconds} s. ${ownMachineAdvice}`,
    );
  }
  // Answers to idle polls come up to 5 % early, by design.
  if (tookMs >= pollMs * 0.9) return ok(`a poll of ${hostname} was held for ${took} and answered`);
  return fail(
    `a poll of ${hostname} for ${formatSpan(pollMs)} was answered after ${took} already`,
    "The server runs without a queue (its log says so), or something between answers for it.",
  );
}

function judgeFailure(thrown: unknown, tookMs: number, { hostname }: TestPollOptions): Finding {
  const detail = `the poll of ${hostname} failed after ${formatSpan(tookMs)}: ${messageOf(thrown)}`;
  if (!(thrown instanceof AgentError)) throw thrown;
  if (thrown.kind === "denied") return fail(detail, "The agents' certificates are not accepted: see docs/identity.md.");
  return fail(detail, thrown.status === 503 ? "The server is shutting down, or not there: try again." : cutAdvice);
}
