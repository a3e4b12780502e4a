import type { Connect } from "./connection.js";
import type { Dispatch, Taken } from "./dispatch.js";
import { type LeasedDispatch, leasedDispatch } from "./leased-dispatch.js";
import { Line } from "./line.js";
import { type AgentOptions, type LeasedAgentOptions, type LoopOptions, parseOptions } from "./options.js";
import { plainConnect } from "./plain-connection.js";
import { pollLoop } from "./poll-loop.js";
import { type HttpVersion, rpcConnect } from "./rpc-connection.js";

export interface HttpVersionOption {
  /**
   * Default: `"1.1"`. An agent has one poll at a time, so there is nothing to share a connection with, and the next
   * poll on an HTTP/1.1 connection proves to a server that the answer before it has arrived.
   */
  readonly httpVersion?: HttpVersion;
}

export interface RpcAgentOptions extends AgentOptions, HttpVersionOption {}

export interface LeasedRpcAgentOptions extends LeasedAgentOptions, HttpVersionOption {}

/**
 * The dispatches for this host as they come, for ever, over the generated client (Connect protocol).
 *
 * One poll is under way at a time, and none while the loop's body runs: each received dispatch is yielded exactly once
 * and handled before the next is asked for. Errors do not end the iteration (but see `failFast`); they are told to
 * `onEvent` and tried again. Leaving the loop or aborting `signal` closes the connection; each `for await` is a loop of
 * its own.
 *
 * With `leaseSeconds` the server wants to hear what became of each: see `LeasedDispatch`, and `handle`, which sees to it.
 *
 * @throws TypeError or RangeError, at once, for an option that cannot be
 */
export function dispatches(options: LeasedRpcAgentOptions): AsyncIterable<LeasedDispatch>;
export function dispatches(options: RpcAgentOptions): AsyncIterable<Dispatch>;
export function dispatches(options: RpcAgentOptions | LeasedRpcAgentOptions): AsyncIterable<Dispatch> {
  return iterable(options, rpcConnect(options.httpVersion ?? "1.1"));
}

/** Like `dispatches`, over plain JSON on HTTP/1.1: for what stands between agent and server and knows no Connect. */
export function plainDispatches(options: LeasedAgentOptions): AsyncIterable<LeasedDispatch>;
export function plainDispatches(options: AgentOptions): AsyncIterable<Dispatch>;
export function plainDispatches(options: AgentOptions | LeasedAgentOptions): AsyncIterable<Dispatch> {
  return iterable(options, plainConnect);
}

function iterable(agentOptions: AgentOptions | LeasedAgentOptions, connect: Connect): AsyncIterable<Dispatch> {
  const options = parseOptions(agentOptions);
  return {
    [Symbol.asyncIterator]: () => {
      const line = new Line(options, connect);
      const accept = acceptFor(options, line);
      return iterator(options.signal, (stop) => pollLoop({ options, line, accept }, stop));
    },
  };
}

/** What is yielded of what was taken. */
function acceptFor(options: LoopOptions, line: Line): (taken: Taken) => Dispatch {
  const { leaseSeconds } = options;
  return ({ dispatch, lease }) =>
    lease === undefined || leaseSeconds === undefined
      ? dispatch
      : leasedDispatch({ dispatch, lease, leaseSeconds, line, options });
}

/** A generator's own `return()` would wait until the poll that is under way has ended by itself. */
function iterator(
  signal: AbortSignal | undefined,
  start: (stop: AbortSignal) => AsyncGenerator<Dispatch>,
): AsyncIterator<Dispatch, void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const dispatches = start(controller.signal);
  const end = () => signal?.removeEventListener("abort", stop);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  return {
    async next() {
      const result = await dispatches.next().catch((thrown: unknown) => {
        end();
        throw thrown;
      });
      if (result.done) end();
      return result;
    },
    async return() {
      stop();
      end();
      return dispatches.return(undefined);
    },
  };
}
