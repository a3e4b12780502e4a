import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { compressionGzip, createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentService } from "../../../gen/nixfleet/dispatch/v1/agent_service_pb.js";
import { EnqueueOutcome, QueueService } from "../../../gen/nixfleet/dispatch/v1/queue_service_pb.js";
import type { Issued } from "../../../src/pki/issue.js";
import { HttpClient, wireDispatch } from "../support/client.js";
import { parkedSoFar, untilParked } from "../support/parked.js";
import { TestPki } from "../support/pki.js";
import { TestServer } from "../support/server.js";

let pki: TestPki;
let server: TestServer;
let agent: Issued;

beforeAll(async () => {
  pki = await TestPki.create();
  agent = await pki.agent("web-01");
  server = await TestServer.start(pki, { flags: ["--log-level", "debug"] });
});
afterAll(async () => {
  await server.stop();
  pki.remove();
});

const compression = { acceptCompression: [compressionGzip], sendCompression: compressionGzip, compressMinBytes: 0 };

function transport(kind: string, identity: Issued | undefined): Transport {
  const credentials = identity && { cert: identity.certPem, key: identity.keyPem };
  const nodeOptions = { ca: pki.ca.certPem, ...credentials };
  const options = { baseUrl: server.url, nodeOptions, ...compression };
  if (kind === "gRPC-Web") return createGrpcWebTransport({ ...options, httpVersion: "1.1" });
  const [, format, version] = kind.split(", ");
  const useBinaryFormat = format === "binary";
  return createConnectTransport({ ...options, useBinaryFormat, httpVersion: version === "HTTP/2" ? "2" : "1.1" });
}

async function codeOf(call: Promise<unknown>): Promise<Code> {
  return call.then(
    () => expect.unreachable("it was answered"),
    (error) => ConnectError.from(error).code,
  );
}

const soakDueAt = { seconds: 1_778_895_000n, nanos: 123_456_000 };
const { hostname, rollout_id: rolloutId, target_closure: targetClosure } = wireDispatch("web-01");
const dispatch = { hostname, rolloutId, targetClosure, soakDueAt };

describe.each([
  ["Connect, binary, HTTP/2", "connect"],
  ["Connect, binary, HTTP/1.1", "connect"],
  ["Connect, JSON, HTTP/1.1", "connect"],
  ["gRPC-Web", "grpc-web"],
])("the Connect client with gzip, %s", (kind, wire) => {
  test("enqueues, and takes while parked, without losing a microsecond", async () => {
    const taker = createClient(AgentService, transport(kind, agent));
    const requestId = `take ${kind}`.replace(/\W/g, "-");
    const parked = parkedSoFar(server, "web-01");
    const answer = taker.takeDispatch({ wait: 60n }, { headers: { "x-request-id": requestId } });
    await untilParked(server, "web-01", parked + 1);
    const planner = createClient(QueueService, transport(kind, pki.operator));
    const { results, enqueuedAt } = await planner.enqueueDispatches({ dispatches: [dispatch] });
    expect(results).toMatchObject([{ hostname, rolloutId, outcome: EnqueueOutcome.CREATED }]);
    expect((await answer).dispatch).toMatchObject({ ...dispatch, enqueuedAt });
    const line = await server.logged((each) => each.msg === "request" && each.requestId === requestId);
    expect(line).toMatchObject({ wire, machineId: "web-01", outcome: "ok" });
    expect((await taker.takeDispatch({ wait: 0n })).dispatch).toBeUndefined();
  });

  test("10,000 dispatches in one call", async () => {
    const planner = createClient(QueueService, transport(kind, pki.operator));
    const dispatches = Array.from({ length: 10_000 }, (_, i) => ({ ...dispatch, hostname: `many-${i}` }));
    expect((await planner.enqueueDispatches({ dispatches })).results).toHaveLength(10_000);
  });

  test("refusals", async () => {
    const stranger = createClient(AgentService, transport(kind, undefined));
    const taker = createClient(AgentService, transport(kind, agent));
    const notPlanner = createClient(QueueService, transport(kind, agent));
    expect(await codeOf(stranger.takeDispatch({ wait: 0n }))).toBe(Code.Unauthenticated);
    expect(await codeOf(taker.takeDispatch({ wait: 0n, hostname: "web-02" }))).toBe(Code.PermissionDenied);
    expect(await codeOf(notPlanner.enqueueDispatches({ dispatches: [dispatch] }))).toBe(Code.PermissionDenied);
  });

  test("a timeout before the wait is over, and an abort: the dispatch waits for the next poll", async () => {
    const taker = createClient(AgentService, transport(kind, agent));
    expect(await codeOf(taker.takeDispatch({ wait: 60n }, { timeoutMs: 300 }))).toBe(Code.DeadlineExceeded);
    const controller = new AbortController();
    const parked = parkedSoFar(server, "web-01");
    const requestId = `abort ${kind}`.replace(/\W/g, "-");
    const headers = { "x-request-id": requestId };
    const aborted = taker.takeDispatch({ wait: 60n }, { signal: controller.signal, headers });
    await untilParked(server, "web-01", parked + 1);
    controller.abort();
    expect(await codeOf(aborted)).toBe(Code.Canceled);
    const line = await server.logged((each) => each.msg === "request" && each.requestId === requestId);
    expect(line).toMatchObject({ outcome: "gone" });
    await createClient(QueueService, transport(kind, pki.operator)).enqueueDispatches({ dispatches: [dispatch] });
    expect((await new HttpClient(server, pki, agent).poll("?wait=0")).status).toBe(200);
  });
});
