import {
  type AgentOptions,
  type Dispatch,
  dispatches,
  handleOne,
  type LeasedDispatch,
  type Outcome,
  plainDispatches,
} from "../agent/index.js";
import { printDispatch, printOutcome, reportEvent } from "./agent-output.js";
import { type ExecFailure, execFor } from "./exec.js";
import type { Io } from "./io.js";
import { printWarning } from "./output.js";
import type { StopSignals } from "./stop-signals.js";

export interface AgentRun {
  /** Without a lease, the command is optional. */
  readonly work:
    | { readonly leaseSeconds: undefined; readonly exec: string | undefined }
    | { readonly leaseSeconds: number; readonly exec: string };
  readonly once: boolean;
  readonly json: boolean;
  readonly plain: boolean;
  readonly connection: Pick<AgentOptions, "server" | "ca" | "cert" | "key" | "hostname">;
}

/**
 * Handles the dispatches as they come, until a signal stops it or, with `once`, the first is over.
 *
 * @returns with `once`: what went wrong with it
 */
export async function runDispatches(run: AgentRun, signals: StopSignals, io: Io): Promise<string | undefined> {
  const { work, once, json, plain } = run;
  const options = {
    ...run.connection,
    signal: signals.stop,
    failFast: once,
    onEvent: (event: Parameters<typeof reportEvent>[0]) => reportEvent(event, io),
  };
  if (work.leaseSeconds === undefined) {
    const source = plain ? plainDispatches(options) : dispatches(options);
    return await runEach(source, (dispatch) => runDelivered(dispatch, work.exec, { json, signals, io }));
  }
  const leased = { ...options, leaseSeconds: work.leaseSeconds };
  const source = plain ? plainDispatches(leased) : dispatches(leased);
  return await runEach(source, (dispatch) => runLeased(dispatch, work.exec, { json, signals, io }));

  async function runEach<T extends Dispatch>(
    source: AsyncIterable<T>,
    runOne: (dispatch: T) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    for await (const dispatch of source) {
      printDispatch(io, dispatch, json);
      const problem = await runOne(dispatch);
      if (once) return problem;
      if (problem !== undefined) printWarning(io, `${dispatch.rolloutId}: ${problem}`);
    }
    return undefined;
  }
}

interface Surroundings {
  readonly json: boolean;
  readonly signals: StopSignals;
  readonly io: Io;
}

/** @returns what went wrong */
async function runDelivered(
  dispatch: Dispatch,
  command: string | undefined,
  { json, signals, io }: Surroundings,
): Promise<string | undefined> {
  if (command === undefined) return undefined;
  const failure = await execute(dispatch, command, { json, io, kill: signals.kill });
  return failure === undefined ? undefined : `the command ${failure.how}`;
}

/** The same for one that the server wants to hear about. */
async function runLeased(
  dispatch: LeasedDispatch,
  command: string,
  { json, signals, io }: Surroundings,
): Promise<string | undefined> {
  let ended = "was killed";
  const outcome = await handleOne(
    dispatch,
    async (_, signal) => {
      const failure = await execute(dispatch, command, { json, io, kill: signal });
      if (!signal.aborted) ended = failure?.how ?? "succeeded";
      if (failure !== undefined) throw new CommandFailed(failure);
    },
    { abandon: signals.kill },
  );
  if (json) printOutcome(io, dispatch, outcomeJson(outcome));
  return problemOf(outcome, `the command ${ended}`);
}

/** Its message is what the server is told. */
class CommandFailed extends Error {
  override readonly name = "CommandFailed";

  constructor({ how, lastLine }: ExecFailure) {
    super(lastLine === "" ? `the command ${how}` : lastLine);
  }
}

function execute(
  dispatch: Dispatch,
  command: string,
  { json, io, kill }: { readonly json: boolean; readonly io: Io; readonly kill: AbortSignal },
): Promise<ExecFailure | undefined> {
  const { env, cwd, stdout, stderr } = io;
  return execFor({ command, dispatch, env, cwd, stdout: json ? stderr : stdout, stderr, kill });
}

function outcomeJson(outcome: Outcome): Parameters<typeof printOutcome>[2] {
  switch (outcome.kind) {
    case "acknowledged":
    case "abandoned":
      return { outcome: outcome.kind };
    case "rejected":
      return { outcome: outcome.kind, reason: outcome.reason };
    case "lost":
      return { outcome: outcome.kind, reason: outcome.cause.message };
    default:
      return outcome satisfies never;
  }
}

/** @param ended how the command ended: `the command succeeded` */
function problemOf(outcome: Outcome, ended: string): string | undefined {
  switch (outcome.kind) {
    case "acknowledged":
      return undefined;
    case "rejected":
      return outcome.reason === ended ? `${ended}; rejected` : `${ended}; rejected: ${outcome.reason}`;
    case "lost":
      return `the lease is lost (${outcome.cause.message}); ${ended}, and the server does not know`;
    case "abandoned":
      return `${ended} and the server not told; the dispatch comes again when its lease has run out`;
    default:
      return outcome satisfies never;
  }
}
