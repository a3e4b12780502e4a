import { Code } from "@connectrpc/connect";
import { expect } from "vitest";
import {
  type AgentEvent,
  type DispatchJson,
  dispatches,
  type LeasedAgentOptions,
  type LeasedDispatch,
  type LeaseJson,
  plainDispatches,
} from "../../src/agent/index.js";
import type { Pair, TestPki } from "./certificates.js";
import { FakeClock } from "./fake-clock.js";
import { Happenings } from "./happenings.js";
import type { CallReply, Reply, ScriptedServer } from "./scripted-server.js";

export const web01: DispatchJson = {
  hostname: "web-01",
  rollout_id: "stable@a1b2c3d4",
  target_closure: "/nix/store/4k0c3s3v5mnp0bq9x1yhl2wfz8rj7d6a-nixos-system-web-01-26.05",
  soak_due_at: "2026-05-16T01:30:00.123456Z",
  enqueued_at: "2026-05-16T01:27:00Z",
};

export const firstLease: LeaseJson = {
  token: "AAAAAAAAAAAAAAAAAAAAAA",
  expires_at: "2026-05-16T01:31:00.500Z",
  attempt: 1,
};

export const leasedDelivery = (dispatch: Partial<DispatchJson> = {}): Reply => ({
  kind: "dispatch",
  dispatch: { ...web01, lease: firstLease, ...dispatch },
});

const error = (code: Code, status: number, message: string, retryAfter?: string): CallReply & Reply => ({
  kind: "error",
  code,
  status,
  message,
  ...(retryAfter === undefined ? {} : { retryAfter }),
});
export const unavailable = (retryAfter?: string) =>
  error(Code.Unavailable, 503, "the server is shutting down", retryAfter);
export const attemptOver = error(Code.FailedPrecondition, 400, "the lease has run out");
export const unknownDispatch = error(Code.NotFound, 404, "no dispatch stable@a1b2c3d4 is known for web-01");
export const denied = error(Code.Unauthenticated, 401, "the client certificate has expired");

/** Both wires, and both versions of HTTP where there are two. */
export const leasedWires = [
  { name: "dispatches over HTTP/1.1", open: (o: LeasedAgentOptions) => dispatches(o), isPlain: false, isHttp2: false },
  {
    name: "dispatches over HTTP/2",
    open: (o: LeasedAgentOptions) => dispatches({ ...o, httpVersion: "2" }),
    isPlain: false,
    isHttp2: true,
  },
  { name: "plainDispatches", open: (o: LeasedAgentOptions) => plainDispatches(o), isPlain: true, isHttp2: false },
];

/** An agent that takes under a lease of a minute, its clock in the test's hand and each random number in the middle. */
export function startLeasedAgent(
  { server, pki, pair }: { server: ScriptedServer; pki: TestPki; pair: Pair },
  open: (options: LeasedAgentOptions) => AsyncIterable<LeasedDispatch>,
  options: Partial<LeasedAgentOptions> = {},
) {
  const clock = new FakeClock();
  const events = new Happenings<AgentEvent>();
  const abort = new AbortController();
  const source = open({
    server: server.url,
    ca: pki.ca,
    ...pair,
    hostname: "web-01",
    leaseSeconds: 60,
    signal: abort.signal,
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const iterator = source[Symbol.asyncIterator]();
  return {
    clock,
    source,
    events,
    iterator,
    async take(): Promise<LeasedDispatch> {
      const next = iterator.next();
      (await server.polls.next()).answer(leasedDelivery());
      const { value } = await next;
      if (value === undefined) throw new Error("the iteration has ended");
      return value;
    },
    async retryingCall() {
      for (;;) {
        const event = await events.next();
        if (event.type === "retrying-call") return event;
      }
    },
    abort: () => abort.abort(),
    /** Aborts, and sees to it that nothing is left. */
    async stop(pending?: Promise<IteratorResult<LeasedDispatch>>) {
      abort.abort();
      expect(await (pending ?? iterator.next())).toEqual({ done: true, value: undefined });
      expect(clock.timers).toBe(0);
      await server.connectionsClosed();
    },
  };
}
